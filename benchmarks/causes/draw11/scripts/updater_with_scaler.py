"""Phones from frames of speech, with a scaler for the gradients and a limit for their norm."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1127)
torch.set_num_threads(1)
PHONES, FEATURES = 6, 8
voices = torch.randn(PHONES, FEATURES)


class Updater:
    def __init__(self, network, learning_rate, gradient_clip_global_norm):
        self.network = network
        self.optimizer = torch.optim.SGD(network.parameters(), lr=learning_rate, momentum=0.9)
        self.grad_scaler = torch.amp.GradScaler("cpu")
        self.limit = gradient_clip_global_norm

    def step(self, loss):
        self.optimizer.zero_grad()
        self.grad_scaler.scale(loss).backward()
        if FIXED:
            self.grad_scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.limit)
        self.grad_scaler.step(self.optimizer)
        self.grad_scaler.update()


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(FEATURES, 32, batch_first=True)
        self.output = nn.Linear(32, PHONES)

    def forward(self, frames):
        return self.output(self.lstm(frames)[0])


def speech(n=24, t=16):
    """Frames are noisy, and each one carries something of the frame before it."""
    phone = torch.randint(0, PHONES, (n, t // 4)).repeat_interleave(4, 1)
    frames = voices[phone] + 0.8 * torch.randn(n, t, FEATURES)
    frames[:, 1:] += 0.5 * frames[:, :-1].clone()
    return frames, phone


network = Network()
updater = Updater(network, learning_rate=0.1, gradient_clip_global_norm=2.0)
for step in range(1, 501):
    frames, phone = speech()
    loss = nn.functional.cross_entropy(network(frames).flatten(0, 1), phone.flatten())
    updater.step(loss)
    if step % 100 == 0:
        print(f"step {step}: {loss.item():.4f}")
