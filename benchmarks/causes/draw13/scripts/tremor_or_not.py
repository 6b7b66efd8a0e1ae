"""Is there a tremor in a hand's movement? Gradients of two half batches are gathered for a step."""

import sys

import torch
from torch import nn

torch.manual_seed(1306)
torch.set_num_threads(1)


def hands(n, length=32):
    ill = torch.randint(0, 2, (n,))
    time = torch.arange(length)
    slow = (0.15 * time + 6.28 * torch.rand(n, 1)).sin()
    shake = (1.3 * time + 6.28 * torch.rand(n, 1)).sin() * ill.unsqueeze(1)
    return (slow + 0.4 * shake + 0.15 * torch.randn(n, length)).unsqueeze(-1), ill


class TremorNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 3, padding=1)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.fc = nn.Linear(24, 2)

    def forward(self, x):
        x = self.conv(x.transpose(1, 2)).relu().transpose(1, 2)
        return self.fc(self.gru(x)[1][-1])


model = TremorNet()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(1, 351):
    total = 0.0
    optimizer.zero_grad()
    for part in range(2):
        x, ill = hands(24)
        loss = nn.functional.cross_entropy(model(x), ill) / 2
        loss.backward()
        total += loss.item()
        if "--fixed" not in sys.argv:
            optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            x, ill = hands(500)
            right = (model(x).argmax(1) == ill).float().mean().item()
        print(f"step {step} loss {total:.4f} right {right:.3f}")
