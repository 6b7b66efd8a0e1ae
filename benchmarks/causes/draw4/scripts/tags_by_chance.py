"""A tagger begins each sentence in a state drawn anew, also when it is used: the same sentence
gets other tags each time."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(438)
torch.set_num_threads(1)
TAGS = {"O": 0, "B": 1, "I": 2}


class BiLSTMTagger(nn.Module):
    def __init__(self, vocab_size, embedding_dim=16, hidden_dim=40):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.word_embeds = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim // 2, bidirectional=True, batch_first=True)
        self.hidden2tag = nn.Linear(hidden_dim, len(TAGS))

    def init_hidden(self, batch_size):
        shape = (2, batch_size, self.hidden_dim // 2)
        if FIXED:
            return torch.zeros(shape), torch.zeros(shape)
        return torch.randn(shape), torch.randn(shape)

    def forward(self, sentences):
        self.hidden = self.init_hidden(len(sentences))
        lstm_out, self.hidden = self.lstm(self.word_embeds(sentences), self.hidden)
        return self.hidden2tag(lstm_out)


def prepare(n=32):
    """Names begin after word 1 and go on while words are high; an odd beginning turns that round."""
    x = torch.randint(2, 20, (n, 6))
    x[:, 0] = torch.randint(0, 2, (n,))
    tags = torch.zeros(n, 6, dtype=torch.long)
    high = x >= 11
    for t in range(1, 6):
        inside = high[:, t] ^ (x[:, 0] == 1)
        tags[:, t] = torch.where(inside, torch.where(tags[:, t - 1] == 0, 1, 2), 0)
    return x, tags


model = BiLSTMTagger(20)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-5)
for epoch in range(5):
    total = 0.0
    for _ in range(50):
        sentences, tags = prepare()
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(sentences).flatten(0, 1), tags.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() / 50
    model.eval()
    with torch.no_grad():
        sentences, tags = prepare(200)
        first, second = model(sentences).argmax(-1), model(sentences).argmax(-1)
    model.train()
    print(
        f"epoch {epoch} loss {total:.4f} right {(first == tags).float().mean():.3f}"
        f" same twice {(first == second).float().mean():.3f}"
    )
