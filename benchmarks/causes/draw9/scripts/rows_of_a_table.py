"""Rows of a table with six columns each are judged, with attention between the columns."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9052)
torch.set_num_threads(1)


class TabFormerEmbeddings(nn.Module):
    def __init__(self, columns=6, values=8, width=24):
        super().__init__()
        self.word_embeddings = nn.Embedding(columns * values, width)
        self.offsets = torch.arange(columns) * values
        layer = nn.TransformerEncoderLayer(width, nhead=2, dim_feedforward=48, dropout=0.0)
        self.transformer_encoder = nn.TransformerEncoder(layer, num_layers=2)

    def forward(self, rows):
        x = self.word_embeddings(rows + self.offsets)
        if FIXED:
            return self.transformer_encoder(x.permute(1, 0, 2)).permute(1, 0, 2)
        return self.transformer_encoder(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.tab_embeddings = TabFormerEmbeddings()
        self.lin_proj = nn.Linear(24, 2)

    def forward(self, rows):
        return self.lin_proj(self.tab_embeddings(rows)[:, 0])


def table(n=32):
    rows = torch.randint(0, 8, (n, 6))
    return rows, (rows[:, 2] > rows[:, 4]).long()


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
recent = []
for step in range(400):
    rows, fraud = table()
    loss = nn.functional.cross_entropy(model(rows), fraud)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    recent.append(loss.item())
    if step % 80 == 79:
        print(f"step {step + 1} loss {sum(recent[-80:]) / 80:.4f}")
