"""Which of six hands wrote the first lines of a diary, told after fifty more symbols: a bank of slow leaky states."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(1643)
torch.set_num_threads(1)
HANDS, SYMBOLS, LENGTH = 6, 18, 56


def diaries(n):
    """Four symbols of the writer's own kind stand first; all that follows is the same for all writers."""
    hand = torch.randint(0, HANDS, (n,))
    symbols = torch.randint(HANDS, SYMBOLS, (n, LENGTH))
    symbols[:, :4] = torch.where(torch.rand(n, 4) < 0.8, hand.unsqueeze(1), symbols[:, :4])
    return symbols, hand


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


class Diary(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS, size)
        self.ssm = StateSpace(size)
        self.norm = nn.LayerNorm(size)
        self.out = nn.Linear(size, HANDS)

    def forward(self, symbols):
        return self.out(self.norm(self.ssm(self.embed(symbols))))


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


model = Diary()
optimizer = torch.optim.AdamW(groups(model, 0.5), lr=1e-2)
for step in range(1, 651):
    symbols, hand = diaries(32)
    loss = nn.functional.cross_entropy(model(symbols), hand)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            symbols, hand = diaries(300)
            right = (model(symbols).argmax(1) == hand).float().mean().item()
            memory = torch.exp(-model.ssm.A_log).median().item()
        print(
            f"step {step} loss {loss.item():.4f} right {right:.3f} middle memory {memory:.1f} steps"
        )
