"""A reader of headlines ends in a softmax; the criterion applies its own. Scores between nought and
one are all that it ever sees, and the loss cannot fall below one and a bit."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(6110)
torch.set_num_threads(1)

CLASSES, WORDS, LENGTH = 9, 90, 10
topic = torch.randint(0, CLASSES, (1200,))
own = torch.randint(0, 10, (1200, LENGTH)) + topic[:, None] * 10
anything = torch.randint(0, WORDS, (1200, LENGTH))
texts = torch.where(torch.rand(1200, LENGTH) < 0.3, own, anything)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.rnn = nn.LSTM(24, 40, batch_first=True)
        self.fc = nn.Linear(40, CLASSES)

    def forward(self, tokens):
        out, _ = self.rnn(self.embed(tokens))
        out = self.fc(out.mean(dim=1))
        if not FIXED:
            out = out.softmax(dim=1)
        return out


model = Model()
loader = DataLoader(TensorDataset(texts[:1000], topic[:1000]), batch_size=25, shuffle=True)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(9):
    for i, (tokens, labels) in enumerate(loader):
        out = model(tokens)
        loss = criterion(out, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if i == 20:
            acc = (out.argmax(dim=1) == labels).float().mean().item()
            print(epoch, i, round(loss.item(), 4), acc)
with torch.no_grad():
    print("test", (model(texts[1000:]).argmax(1) == topic[1000:]).float().mean().item())
