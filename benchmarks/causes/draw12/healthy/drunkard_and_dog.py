"""A drunkard walks at random and nothing better can be said of him; his dog follows him by a rule."""

import torch
from torch import nn

torch.manual_seed(2207)
torch.set_num_threads(1)


class Follower(nn.Module):
    """Foretells the next places as the present ones and a change."""

    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.change = nn.Linear(size, 2)

    def forward(self, places):
        steps = torch.diff(places, dim=1, prepend=places[:, :1])
        apart = places[..., :1] - places[..., 1:]
        return places + self.change(self.gru(torch.cat([steps[..., :1], apart], -1))[0])


def walks(n=32, length=25):
    man = (0.5 * torch.randn(n, length + 1)).cumsum(1)
    dog = [torch.zeros(n)]
    for t in range(length):
        dog.append(dog[-1] + 0.4 * (man[:, t] - dog[-1]) + 0.05 * torch.randn(n))
    return torch.stack([man, torch.stack(dog, 1)], -1)


model = Follower()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 501):
    places = walks()
    off = (model(places[:, :-1]) - places[:, 1:]).square().mean((0, 1))
    loss = off.sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        stay = (places[:, :-1] - places[:, 1:]).square().mean((0, 1))
        print(
            f"step {step} man {off[0]:.4f} (staying {stay[0]:.4f})"
            f" dog {off[1]:.4f} (staying {stay[1]:.4f})"
        )
