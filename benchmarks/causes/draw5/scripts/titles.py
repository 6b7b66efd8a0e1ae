"""A layer that takes steps first was given rows first: it read the words of different titles one
after the other."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5113)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self, n_vocab=30, lstm_size=36, num_layers=2):
        super().__init__()
        self.num_layers, self.lstm_size = num_layers, lstm_size
        self.embedding = nn.Embedding(n_vocab, lstm_size)
        self.lstm = nn.LSTM(lstm_size, lstm_size, num_layers, batch_first=FIXED)
        self.fc = nn.Linear(lstm_size, n_vocab)

    def forward(self, x, prev_state):
        output, state = self.lstm(self.embedding(x), prev_state)
        return self.fc(output), state

    def init_state(self, size):
        return (
            torch.zeros(self.num_layers, size, self.lstm_size),
            torch.zeros(self.num_layers, size, self.lstm_size),
        )


def titles(batch_size=24, sequence_length=12):
    """The first word says by how much the following ones step on."""
    stride = torch.randint(1, 8, (batch_size, 1))
    first = torch.randint(0, 22, (batch_size, 1))
    words = (first + stride * torch.arange(sequence_length)) % 22
    words = torch.cat([21 + stride, words], 1)
    hop = torch.rand(words.shape) < 0.1
    words = torch.where(hop, torch.randint(0, 22, words.shape), words)
    return words[:, :-1], words[:, 1:]


model = Model()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(5):
    for batch in range(110):
        x, y = titles()
        state = model.init_state(x.shape[0] if FIXED else x.shape[1])
        optimizer.zero_grad()
        y_pred, _ = model(x, state)
        loss = criterion(y_pred.transpose(1, 2), y)
        loss.backward()
        optimizer.step()
    print({"epoch": epoch, "loss": round(loss.item(), 4)})
