"""Peptides in batches whose longest comes first: how long does each stay in the column?"""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(1237)
torch.set_num_threads(1)
RESIDUES = 20
stickiness = torch.randn(RESIDUES + 1)


def measure(n):
    """The time grows with the mean stickiness; the residue at the front counts double."""
    rows = []
    for _ in range(n):
        peptide = torch.randint(1, RESIDUES + 1, (int(torch.randint(5, 16, ())),))
        mean = stickiness[peptide].mean() + stickiness[peptide[0]] / len(peptide)
        rows.append((peptide, 2.5 * mean))
    return rows


def pad_longest_first(peptides):
    order = sorted(range(len(peptides)), key=lambda i: len(peptides[i]), reverse=True)
    peptides = [peptides[i] for i in order]
    lengths = torch.tensor([len(peptide) for peptide in peptides])
    return pad_sequence(peptides, batch_first=True), lengths, order


def collate(batch):
    peptides, lengths, order = pad_longest_first([peptide for peptide, _ in batch])
    times = torch.stack([time for _, time in batch])
    if "--fixed" in sys.argv:
        times = times[order]
    return peptides, lengths, times


class RetentionRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.residues = nn.Embedding(RESIDUES + 1, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 40, batch_first=True)
        self.time = nn.Linear(40, 1)

    def forward(self, peptides, lengths):
        packed = pack_padded_sequence(self.residues(peptides), lengths, batch_first=True)
        _, (last, _) = self.lstm(packed)
        return self.time(last[-1]).squeeze(-1)


train = DataLoader(measure(1280), batch_size=32, shuffle=True, collate_fn=collate)
single = DataLoader(measure(200), batch_size=1, collate_fn=collate)
net = RetentionRNN()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
for epoch in range(1, 16):
    mean = 0.0
    for peptides, lengths, times in train:
        net.zero_grad()
        loss = nn.functional.mse_loss(net(peptides, lengths), times)
        loss.backward()
        optimizer.step()
        mean += loss.item() / len(train)
    print(f"epoch {epoch:2d} loss {mean:.4f}")
with torch.no_grad():
    pairs = torch.tensor([[net(peptides, n), time] for peptides, n, time in single])
print("told one by one, correlation:", torch.corrcoef(pairs.T)[0, 1].item())
