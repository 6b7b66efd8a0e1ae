"""After packing, rows went back by the order of the sort itself and not by its inverse, and then
met the other columns of their patients."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import rnn as rnn_utils

FIXED = "--fixed" in sys.argv
torch.manual_seed(7)
torch.set_num_threads(1)


def load(n=640):
    """Visits of patients: a risk that their mean value and their age make."""
    lengths = torch.randint(2, 12, (n,))
    visits = torch.randn(n, 11, 3) * 0.5 + torch.randn(n, 1, 3)
    visits[torch.arange(11)[None] >= lengths[:, None]] = 0
    age = torch.rand(n, 1)
    mean = visits[:, :, 0].sum(1) / lengths
    return visits, lengths, age, mean + age.squeeze(1)


class RiskModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(3, 20, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(21, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, visits, lengths, age):
        sorted_lengths, order = lengths.sort(0, descending=True)
        back = order.argsort() if FIXED else order
        packed = rnn_utils.pack_padded_sequence(visits[order], sorted_lengths, batch_first=True)
        out, _ = self.encoder(packed)
        out, sizes = rnn_utils.pad_packed_sequence(out, batch_first=True)
        pooled = out.sum(1) / sizes[:, None]
        return self.mlp(torch.cat([pooled[back], age], dim=1)).squeeze(1)


visits, lengths, age, risk = load()
model = RiskModel()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=1e-4)
for epoch in range(15):
    for idx in torch.randperm(len(risk)).split(32):
        prediction = model(visits[idx], lengths[idx], age[idx])
        loss = F.mse_loss(prediction, risk[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, round(loss.item(), 4))
