"""Tags of a sentence changed from call to call. As in a tutorial, hidden and cell state of each
sentence began with numbers drawn anew."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(13)
torch.set_num_threads(1)


class LSTMTagger(nn.Module):
    """Words of two kinds; the tag of a word is the kind of the word before it."""

    def __init__(self, embedding_dim=10, hidden_dim=24, vocab=16, tags=4):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.word_embeddings = nn.Embedding(vocab, embedding_dim)
        self.cell = nn.LSTMCell(embedding_dim, hidden_dim)
        self.hidden2tag = nn.Linear(hidden_dim, tags)

    def init_hidden(self, n):
        make = torch.zeros if FIXED else torch.randn
        return make(n, self.hidden_dim), make(n, self.hidden_dim)

    def forward(self, sentence):
        hx, cx = self.init_hidden(sentence.size(0))
        scores = []
        for word in self.word_embeddings(sentence).unbind(1):
            hx, cx = self.cell(word, (hx, cx))
            scores.append(F.log_softmax(self.hidden2tag(hx), dim=1))
        return torch.stack(scores, dim=1)


model = LSTMTagger()
loss_function = nn.NLLLoss()
optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
for i in range(250):
    sentence = torch.randint(0, 16, (20, 7))
    tags = torch.cat([torch.zeros(20, 1, dtype=torch.long), sentence[:, :-1] % 4], dim=1)
    model.zero_grad()
    loss = loss_function(model(sentence).flatten(0, 1), tags.flatten())
    loss.backward()
    optimizer.step()
    if i % 50 == 49:
        print(i + 1, f"{loss.item():.4f}")
