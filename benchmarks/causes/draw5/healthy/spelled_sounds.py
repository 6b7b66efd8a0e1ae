"""Frames without an alignment: connectionist temporal classification on a net in both directions."""

import torch
from torch import nn

torch.manual_seed(5221)
torch.set_num_threads(1)

LETTERS = 5
shapes = torch.eye(LETTERS + 1)[1:]


def speech(n=16, frames=18):
    target = torch.randint(1, LETTERS + 1, (n, 3))
    x = torch.zeros(n, frames, LETTERS)
    for row in range(n):
        starts = torch.tensor([1, 7, 13]) + torch.randint(0, 3, (3,))
        for letter, start in zip(target[row], starts):
            x[row, start : start + 3, letter - 1] = 1.0
    return x + 0.2 * torch.randn_like(x), target


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(LETTERS, 24, bidirectional=True, batch_first=True)
        self.out = nn.Linear(48, LETTERS + 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0]).log_softmax(-1).transpose(0, 1)


model = Recogniser()
criterion = nn.CTCLoss(blank=0)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for it in range(260):
    x, target = speech()
    log_probs = model(x)
    lengths = torch.full((16,), log_probs.shape[0])
    loss = criterion(log_probs, target, lengths, torch.full((16,), 3))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 52 == 51:
        print(f"{it + 1} ctc {loss.item():.3f}")
