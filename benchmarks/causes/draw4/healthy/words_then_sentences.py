"""Documents read twice: words into sentences, sentences into a document, with attention at both
floors and masks for what is not there."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(22)
torch.set_num_threads(1)
VOCAB, SENT, WORDS = 30, 4, 6


class Attend(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.rnn = nn.GRU(size, size // 2, batch_first=True, bidirectional=True)
        self.proj = nn.Linear(size, size)
        self.query = nn.Linear(size, 1, bias=False)

    def forward(self, x, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            x, lengths, batch_first=True, enforce_sorted=False
        )
        out, _ = nn.utils.rnn.pad_packed_sequence(self.rnn(packed)[0], True, total_length=x.size(1))
        score = self.query(torch.tanh(self.proj(out))).squeeze(-1)
        hidden = torch.arange(x.size(1))[None] >= lengths[:, None]
        weight = score.masked_fill(hidden, float("-inf")).softmax(1)
        return (weight.unsqueeze(-1) * out).sum(1)


class Document(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, size, padding_idx=0)
        self.low, self.high = Attend(size), Attend(size)
        self.out = nn.Linear(size, 3)

    def forward(self, docs, words, sentences):
        low = self.low(self.emb(docs.flatten(0, 1)), words.flatten()).view(len(docs), SENT, -1)
        return self.out(self.high(low, sentences))


def documents(n=16):
    docs = torch.randint(4, VOCAB, (n, SENT, WORDS))
    words = torch.randint(2, WORDS + 1, (n, SENT))
    sentences = torch.randint(1, SENT + 1, (n,))
    label = torch.randint(0, 3, (n,))
    for i in range(n):
        s = int(torch.randint(0, int(sentences[i]), (1,)))
        docs[i, s, int(torch.randint(0, int(words[i, s]), (1,)))] = 1 + label[i]
    docs[torch.arange(WORDS)[None, None] >= words[:, :, None]] = 0
    return docs, words, sentences, label


model = Document()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for i in range(220):
    docs, words, sentences, label = documents()
    scores = model(docs, words, sentences)
    loss = F.cross_entropy(scores, label)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if i % 44 == 43:
        print(
            f"{i + 1} loss {loss.item():.4f} right {(scores.argmax(1) == label).float().mean():.2f}"
        )
