"""A loom's fault and its wear from its hum; wear is measured, and learnt, at every other batch."""

import torch
from torch import nn

torch.manual_seed(15105)
torch.set_num_threads(1)
FRAMES, FAULTS = 20, 4


def hums(n):
    """A fault sets the pitch of the hum, and wear how fast its loudness grows."""
    fault = torch.randint(0, FAULTS, (n,))
    wear = torch.rand(n)
    t = torch.arange(FRAMES).float()
    pitch = (0.4 + 0.5 * fault.float()).unsqueeze(1)
    loud = 0.5 + wear.unsqueeze(1) * t / FRAMES
    turn = pitch * t + 6.28 * torch.rand(n, 1)
    hum = torch.stack([loud * torch.sin(turn), loud * torch.cos(turn)], -1)
    return hum + 0.08 * torch.randn(n, FRAMES, 2), fault, wear


class LoomNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.body = nn.GRU(2, size, batch_first=True)
        self.fault = nn.Linear(size, FAULTS)
        self.wear = nn.Sequential(nn.Linear(size, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, hum):
        return self.body(hum)[1][-1]


model = LoomNet()
optimizer = torch.optim.Adam(
    [
        {"params": [*model.body.parameters(), *model.fault.parameters()]},
        {"params": model.wear.parameters(), "lr": 5e-3},
    ],
    lr=3e-3,
)
test_hum, test_fault, test_wear = hums(400)
for step in range(1, 601):
    hum, fault, wear = hums(32)
    state = model(hum)
    loss = nn.functional.cross_entropy(model.fault(state), fault)
    if step % 2 == 0:
        loss = loss + 2.0 * nn.functional.mse_loss(model.wear(state).squeeze(-1), wear)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 60 == 0:
        with torch.no_grad():
            state = model(test_hum)
            right = (model.fault(state).argmax(-1) == test_fault).float().mean()
            off = (model.wear(state).squeeze(-1) - test_wear).abs().mean()
        print(f"step {step} loss {loss.item():.4f} fault right {right:.3f} wear off by {off:.3f}")
