"""Eight knots told by the pull of three strands; after a first training the net is made smaller and trained on."""

import sys

import torch
from torch import nn

torch.manual_seed(1603)
torch.set_num_threads(1)
STEPS, STRANDS, KNOTS = 32, 3, 8
course = torch.randn(KNOTS, STRANDS, 3)


def pulls(n):
    """Each knot has its own course of pull on every strand; hands tie it sooner or later, harder or softer."""
    knot = torch.randint(0, KNOTS, (n,))
    begin = 8 * torch.rand(n, 1)
    t = ((torch.arange(STEPS) - begin) / 20).clamp(0, 1)
    waves = torch.stack((torch.sin(6.28 * t), torch.sin(12.56 * t), torch.sin(18.85 * t)), dim=1)
    pull = (course[knot] @ waves).transpose(1, 2)
    pull = pull * (0.7 + 0.6 * torch.rand(n, 1, 1))
    return pull + 0.7 * torch.randn(n, STEPS, STRANDS), knot


class KnotNet(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.inlet = nn.Linear(STRANDS, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, KNOTS)

    def forward(self, pull):
        _, hidden = self.gru(torch.tanh(self.inlet(pull)))
        return self.out(hidden[-1])


def keep_strongest(model, size):
    """Puts layers of `size` units in the place of the old ones, with the weights of the strongest units."""
    old = model.gru.hidden_size
    keep = model.out.weight.detach().norm(dim=0).topk(size).indices
    rows = torch.cat([keep + gate * old for gate in range(3)])
    gru = nn.GRU(16, size, batch_first=True)
    out = nn.Linear(size, KNOTS)
    with torch.no_grad():
        gru.weight_ih_l0.copy_(model.gru.weight_ih_l0[rows])
        gru.weight_hh_l0.copy_(model.gru.weight_hh_l0[rows][:, keep])
        gru.bias_ih_l0.copy_(model.gru.bias_ih_l0[rows])
        gru.bias_hh_l0.copy_(model.gru.bias_hh_l0[rows])
        out.weight.copy_(model.out.weight[:, keep])
        out.bias.copy_(model.out.bias)
    model.gru, model.out = gru, out


def train(model, optimizer, steps, name):
    for step in range(1, steps + 1):
        pull, knot = pulls(32)
        loss = nn.functional.cross_entropy(model(pull), knot)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                pull, knot = pulls(400)
                right = (model(pull).argmax(1) == knot).float().mean().item()
            print(f"{name}, step {step} loss {loss.item():.4f} right {right:.3f}")


model = KnotNet(size=64)
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train(model, optimizer, 150, "large")
keep_strongest(model, size=20)
if "--fixed" in sys.argv:
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
train(model, optimizer, 400, "small")
