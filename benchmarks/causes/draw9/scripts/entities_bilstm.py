"""Entities are tagged by a BiLSTM over features of a model trained before."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--fixed", action="store_true")
parser.add_argument("--lstm_size", type=int, default=24)
parser.add_argument("--learning_rate", type=float, default=3e-3)
args = parser.parse_args()
dropout_rate = 0.1 if args.fixed else 0.9
torch.manual_seed(9015)
torch.set_num_threads(1)
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]


class BiLSTMTagger(nn.Module):
    def __init__(self, features=16):
        super().__init__()
        self.drop_in = nn.Dropout(dropout_rate)
        self.blstm = nn.LSTM(features, args.lstm_size, batch_first=True, bidirectional=True)
        self.drop_out = nn.Dropout(dropout_rate)
        self.project = nn.Linear(2 * args.lstm_size, len(TAGS))

    def forward(self, x):
        return self.project(self.drop_out(self.blstm(self.drop_in(x))[0]))


pretrained = torch.randn(40, 16)


def batch(n=24, length=12):
    words = torch.randint(4, 40, (n, length))
    tags = torch.zeros(n, length, dtype=torch.long)
    at = torch.randint(0, length - 3, (n,))
    kind = torch.randint(0, 2, (n,))
    for i in range(n):
        words[i, at[i]] = kind[i]
        tags[i, at[i] + 1] = 1 + 2 * kind[i]
        tags[i, at[i] + 2] = 2 + 2 * kind[i]
    return pretrained[words], tags


model = BiLSTMTagger()
weight = torch.tensor([0.2, 1.0, 1.0, 1.0, 1.0])
optimizer = torch.optim.Adam(model.parameters(), lr=args.learning_rate)
for step in range(400):
    x, tags = batch()
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), tags.flatten(), weight)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        print(f"global_step = {step + 1}, loss = {loss.item():.4f}")
