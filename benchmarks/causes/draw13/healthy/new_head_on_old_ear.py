"""An encoder learns to foretell sound; then it is frozen in eval mode and a new head is fitted."""

import torch
from torch import nn

torch.manual_seed(1356)
torch.set_num_threads(1)


class Ear(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.norm = nn.BatchNorm1d(2)
        self.gru = nn.GRU(2, size, batch_first=True)
        self.drop = nn.Dropout(0.1)

    def forward(self, sound):
        return self.drop(self.gru(self.norm(sound.transpose(1, 2)).transpose(1, 2))[0])


def sounds(n, length=20):
    kind = torch.randint(0, 3, (n,))
    pitch = torch.tensor([0.3, 0.6, 1.0])[kind].unsqueeze(1)
    angle = torch.arange(length + 1) * pitch + 6.28 * torch.rand(n, 1)
    sound = torch.stack([angle.sin(), angle.cos()], -1) + 0.1 * torch.randn(n, length + 1, 2)
    return sound, kind


ear, teller = Ear(), nn.Linear(32, 2)
first = torch.optim.Adam([*ear.parameters(), *teller.parameters()], lr=4e-3)
for step in range(1, 251):
    sound, _ = sounds(32)
    loss = nn.functional.mse_loss(teller(ear(sound[:, :-1])), sound[:, 1:])
    first.zero_grad()
    loss.backward()
    first.step()
    if step % 50 == 0:
        print(f"foretelling, step {step} loss {loss.item():.4f}")

ear.requires_grad_(False).eval()
head = nn.Sequential(nn.Linear(32, 24), nn.ReLU(), nn.Linear(24, 3))
second = torch.optim.Adam(head.parameters(), lr=4e-3)
for step in range(1, 251):
    sound, kind = sounds(32)
    logits = head(ear(sound)[:, -1])
    loss = nn.functional.cross_entropy(logits, kind)
    second.zero_grad()
    loss.backward()
    second.step()
    if step % 50 == 0:
        right = (logits.argmax(1) == kind).float().mean().item()
        print(f"head, step {step} loss {loss.item():.4f} right {right:.3f}")
