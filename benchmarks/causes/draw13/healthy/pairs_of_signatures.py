"""Two signatures of a hand shall lie close together, and those of other hands far away."""

import torch
from torch import nn

torch.manual_seed(1357)
torch.set_num_threads(1)
HANDS = 24
traits = torch.rand(HANDS, 3, generator=torch.Generator().manual_seed(3))


def sign(hand, length=16):
    rate, shift, lean = (traits[hand, k].unsqueeze(1) for k in range(3))
    time = torch.arange(length) / length
    x = (6.28 * time * (0.5 + 2 * rate)).sin() + lean * time
    y = (6.28 * time + 6.28 * shift).cos()
    return torch.stack([x, y], -1) + 0.1 * torch.randn(len(hand), length, 2)


class Signature(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.out = nn.Linear(size, 16)

    def forward(self, x):
        return nn.functional.normalize(self.out(self.gru(x)[1][-1]), dim=1)


model = Signature()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 401):
    hand = torch.randperm(HANDS)[:16]
    likeness = model(sign(hand)) @ model(sign(hand)).T / 0.2
    own = torch.arange(len(hand))
    loss = nn.functional.cross_entropy(likeness, own) / 2
    loss = loss + nn.functional.cross_entropy(likeness.T, own) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            every = torch.arange(HANDS)
            likeness = model(sign(every)) @ model(sign(every)).T
            right = (likeness.argmax(1) == every).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} hands found {right:.3f}")
