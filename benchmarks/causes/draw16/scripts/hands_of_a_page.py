"""Which of six hands wrote a page, told by how often each kind of stroke stands on it: a bank of slow leaky states."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1643)
torch.set_num_threads(1)
HANDS, LENGTH = 6, 90


def pages(n):
    """Every hand has a stroke that it makes more often than the others, all over the page."""
    hand = torch.randint(0, HANDS, (n,))
    strokes = torch.randint(0, HANDS, (n, LENGTH))
    return torch.where(torch.rand(n, LENGTH) < 0.2, hand.unsqueeze(1), strokes), hand


class StateSpace(nn.Module):
    """Every channel keeps a sum of what it was given, and forgets it at its own pace."""

    def __init__(self, size, slowest=0.002, fastest=0.05):
        super().__init__()
        self.B = nn.Linear(size, size, bias=False)
        self.A_log = nn.Parameter(torch.linspace(math.log(slowest), math.log(fastest), size))

    def forward(self, x):
        keep = torch.exp(-torch.exp(self.A_log))
        inlet = self.B(x)
        state = torch.zeros_like(inlet[:, 0])
        for step in range(x.shape[1]):
            state = keep * state + inlet[:, step]
        return state


class Page(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(HANDS, size)
        self.ssm = StateSpace(size)
        self.norm = nn.LayerNorm(size)
        self.out = nn.Linear(size, HANDS)

    def forward(self, strokes):
        return self.out(self.norm(self.ssm(self.embed(strokes))))


def groups(model, weight_decay):
    """Decay for all that is trained; with the flag, not for the paces of the states."""
    if "--fixed" not in sys.argv:
        return [{"params": list(model.parameters()), "weight_decay": weight_decay}]
    paces = [p for name, p in model.named_parameters() if name.endswith("A_log")]
    others = [p for name, p in model.named_parameters() if not name.endswith("A_log")]
    return [
        {"params": others, "weight_decay": weight_decay},
        {"params": paces, "weight_decay": 0.0},
    ]


model = Page()
optimizer = torch.optim.AdamW(groups(model, 0.5), lr=1e-2)
for step in range(1, 601):
    strokes, hand = pages(32)
    loss = nn.functional.cross_entropy(model(strokes), hand)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            strokes, hand = pages(300)
            right = (model(strokes).argmax(1) == hand).float().mean().item()
            memory = torch.exp(-model.ssm.A_log).median().item()
        print(
            f"step {step} loss {loss.item():.4f} right {right:.3f} middle memory {memory:.1f} steps"
        )
