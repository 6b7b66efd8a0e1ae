"""Which of four wards does a patient go to? Visits with four findings each, low (-1) or high (1)."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(18)
torch.set_num_threads(1)
FINDINGS = 4


class Patients(Dataset):
    """The ward follows from a finding of the last visit and one of the visit before it."""

    def __init__(self, n):
        self.visits = []
        for _ in range(n):
            length = int(torch.randint(5, 15, ()))
            self.visits.append(torch.randint(0, 2, (length, FINDINGS)) * 2.0 - 1.0)

    def __len__(self):
        return len(self.visits)

    def __getitem__(self, i):
        visits = self.visits[i]
        return visits, int(visits[-1, 0] > 0) * 2 + int(visits[-2, 1] > 0)


def collate(patients):
    visits, wards = zip(*patients, strict=True)
    return pad_sequence(visits, batch_first=True), torch.tensor(wards)


def visit_mask(x):
    """True at a visit, False behind the last one."""
    if "--fixed" in sys.argv:
        return (x != 0).any(dim=2)
    return x.sum(dim=2) != 0


class WardNet(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.fc_in = nn.Linear(FINDINGS, 24)
        self.rnn = nn.LSTM(24, size, batch_first=True)
        self.fc_out = nn.Linear(size, 4)

    def forward(self, x):
        lengths = visit_mask(x).sum(dim=1).clamp(min=1)
        packed = pack_padded_sequence(
            torch.relu(self.fc_in(x)), lengths, batch_first=True, enforce_sorted=False
        )
        _, (h_n, _) = self.rnn(packed)
        return self.fc_out(h_n[-1])


train_loader = DataLoader(Patients(1280), batch_size=32, shuffle=True, collate_fn=collate)
test_loader = DataLoader(Patients(320), batch_size=64, collate_fn=collate)
model = WardNet()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 9):
    losses = []
    for visits, wards in train_loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(visits), wards)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        right = [(model(x).argmax(1) == y).float().mean() for x, y in test_loader]
    mean, right = sum(losses) / len(losses), torch.stack(right).mean().item()
    print(f"epoch {epoch} loss {mean:.4f} right {right:.3f}")
