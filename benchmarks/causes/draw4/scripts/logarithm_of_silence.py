"""Recordings as log energies. One of them was silent for a while, and the logarithm of nothing
made every weight NaN."""

import sys

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(424)
torch.set_num_threads(1)
np.random.seed(424)


class NoisySpeech(Dataset):
    def __init__(self, n, silent=()):
        self.n, self.silent = n, silent

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        rng = np.random.default_rng(i)
        clean = np.repeat(rng.random((8, 6)) ** 2, 3, axis=0)
        noise = 0.3 * rng.random((24, 6))
        energy = clean + noise
        if i in self.silent:
            energy[10:16], clean[10:16] = 0.0, 0.0
        with np.errstate(divide="ignore"):
            features = np.log(np.maximum(energy, 1e-6) if FIXED else energy)
        return torch.from_numpy(features).float(), torch.from_numpy(clean).float()


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.rnn = nn.GRU(6, 48, batch_first=True, bidirectional=True)
        self.mask = nn.Linear(96, 6)

    def forward(self, x):
        return torch.sigmoid(self.mask(self.rnn(self.norm(x) + 0.5 * x)[0]))


model = Denoiser()
opt = torch.optim.Adam(model.parameters(), lr=2e-3)
loader = DataLoader(NoisySpeech(512, silent={77, 301}), batch_size=16, shuffle=True)
history = []
for epoch in range(6):
    for x, y in loader:
        opt.zero_grad()
        loss = nn.functional.l1_loss(model(x), y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        opt.step()
        history.append(loss.item())
    print(f"epoch {epoch}: mean absolute error {np.mean(history[-32:]):.4f}")
