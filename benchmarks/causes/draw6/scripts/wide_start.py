"""All weights and biases begin with a spread of four, from a time when layers were ten times as
narrow. Every gate is shut or wide open before the first frame, and stays so."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6117)
torch.set_num_threads(1)

STDDEV = 0.1 if FIXED else 4.0


class Speech(nn.Module):
    def __init__(self, n_input=8, n_cell=32, n_letters=5):
        super().__init__()
        self.dense = nn.Linear(n_input, n_cell)
        self.lstm = nn.LSTM(n_cell, n_cell)
        self.letters = nn.Linear(n_cell, n_letters)
        for variable in self.parameters():
            nn.init.normal_(variable, mean=0.0, std=STDDEV)

    def forward(self, frames):
        x = torch.tanh(self.dense(frames))
        x, _ = self.lstm(x)
        return self.letters(x)


voices = torch.randn(5, 8)


def utterances(t=16, n=24):
    letters = torch.randint(0, 5, (t // 4, n)).repeat_interleave(4, 0)
    return voices[letters] + 0.9 * torch.randn(t, n, 8), letters


model = Speech()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-8)
for step in range(300):
    frames, letters = utterances()
    logits = model(frames)
    loss = nn.functional.cross_entropy(logits.reshape(-1, 5), letters.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (step + 1) % 60 == 0:
        wer = (logits.argmax(-1) != letters).float().mean().item()
        print(f"Step {step + 1}: avg_cost = {loss.item():.4f}, wrong = {wer:.3f}")
