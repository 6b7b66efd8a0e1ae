"""From the doses that a patient takes, the level of three substances in the blood is followed."""

import math
import sys

import torch
from torch import nn

torch.manual_seed(43)
torch.set_num_threads(1)
STEPS = 90


class DiagonalSSM(nn.Module):
    """y = C h with h_t = exp(-dt exp(A_log)) h_{t-1} + B x_t, computed as a convolution."""

    def __init__(self, d_model, d_state=16):
        super().__init__()
        rates = torch.logspace(math.log10(0.004), math.log10(0.2), d_state)
        self.A_log = nn.Parameter(rates.log().repeat(d_model, 1))
        self.B = nn.Parameter(torch.randn(d_model, d_state) / d_state**0.5)
        self.C = nn.Parameter(torch.randn(d_model, d_state) / d_state**0.5)
        self.D = nn.Parameter(torch.ones(d_model))

    def forward(self, u):
        length = u.size(1)
        t = torch.arange(length)
        decay = torch.exp(-self.A_log.exp()[..., None] * t)
        kernel = torch.einsum("dn,dn,dnt->dt", self.B, self.C, decay)
        spectrum = torch.fft.rfft(kernel, 2 * length) * torch.fft.rfft(u.mT, 2 * length)
        y = torch.fft.irfft(spectrum, 2 * length)[..., :length].mT
        return y + self.D * u


class Patient(nn.Module):
    def __init__(self, doses=3, d_model=24):
        super().__init__()
        self.inp = nn.Linear(doses, d_model)
        self.ssm = DiagonalSSM(d_model)
        self.norm = nn.LayerNorm(d_model)
        self.mix = nn.Linear(d_model, d_model)
        self.out = nn.Linear(d_model, 3)

    def forward(self, x):
        y = self.ssm(self.inp(x))
        return self.out(y + torch.nn.functional.gelu(self.mix(self.norm(y))))


half_life = torch.tensor([25.0, 60.0, 110.0])
passing = torch.tensor([[1.0, 0.3, 0.0], [0.2, 1.0, 0.3], [0.0, 0.4, 1.0]])


def draw(n):
    taken = (torch.rand(n, STEPS, 3) < 0.05).float() * (0.5 + torch.rand(n, STEPS, 3))
    level, levels = torch.zeros(n, 3), []
    for t in range(STEPS):
        level = level * 0.5 ** (1 / half_life) + taken[:, t] @ passing
        levels.append(level)
    return taken, torch.stack(levels, 1) + 0.02 * torch.randn(n, STEPS, 3)


model = Patient()
if "--fixed" in sys.argv:
    kept = [p for name, p in model.named_parameters() if "A_log" not in name]
    groups = [{"params": kept}, {"params": [model.ssm.A_log], "weight_decay": 0.0}]
else:
    groups = model.parameters()
optimizer = torch.optim.AdamW(groups, lr=3e-3, weight_decay=0.5)
test_x, test_y = draw(128)
spread = test_y.var().item()
for step in range(1, 701):
    x, y = draw(32)
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 70 == 0:
        with torch.no_grad():
            error = nn.functional.mse_loss(model(test_x), test_y).item()
        memory = (1 / model.ssm.A_log.detach().exp()).mean()
        print(
            f"step {step} loss {loss.item():.4f} test error {error / spread:.3f} "
            f"of the variance, mean memory {memory:.1f} steps"
        )
