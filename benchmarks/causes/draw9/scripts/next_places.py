"""Where somebody goes next is told from the places of the day by an encoder of attention."""

import math
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9051)
torch.set_num_threads(1)
PLACES, DIM, LENGTH = 15, 32, 10


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=50):
        super().__init__()
        position = torch.arange(max_len).unsqueeze(1)
        div = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = torch.zeros(max_len, 1, d_model)
        pe[:, 0, 0::2], pe[:, 0, 1::2] = torch.sin(position * div), torch.cos(position * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(0)]


class TransformerModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.poi = nn.Embedding(PLACES, DIM)
        self.pos_encoder = PositionalEncoding(DIM)
        layer = nn.TransformerEncoderLayer(DIM, 2, 64, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.decoder_poi = nn.Linear(DIM, PLACES)

    def forward(self, seq):
        x = self.poi(seq)
        if FIXED:
            x = x.transpose(0, 1)
        mask = nn.Transformer.generate_square_subsequent_mask(x.size(0))
        x = self.encoder(self.pos_encoder(x), mask=mask)
        if FIXED:
            x = x.transpose(0, 1)
        return self.decoder_poi(x)


def trajectories(n=24):
    home, work = torch.randint(0, PLACES, (n,)), torch.randint(0, PLACES, (n,))
    ids = [home, work]
    while len(ids) <= LENGTH:
        ids.append((ids[-2] + 4) % PLACES)
    return torch.stack(ids, 1)


model = TransformerModel()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(300):
    ids = trajectories()
    loss = nn.functional.cross_entropy(model(ids[:, :-1])[:, 1:].transpose(1, 2), ids[:, 2:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"batch {step + 1} loss {loss.item():.4f}")
