"""A diagonal state-space model follows a harbour's water; rates and skips lie in a group apart."""

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(141)
torch.set_num_threads(1)
STEPS, WIND = 40, 2


class Diagonal(nn.Module):
    """Real poles exp(-dt exp(A_log)), with a step size for each channel."""

    def __init__(self, d_model, d_state=8):
        super().__init__()
        self.A_log = nn.Parameter(torch.linspace(-1.5, 1.5, d_state).repeat(d_model, 1))
        self.dt_log = nn.Parameter(torch.linspace(-3.5, -1.0, d_model))
        self.B = nn.Parameter(torch.randn(d_model, d_state) * 0.5)
        self.C = nn.Parameter(torch.randn(d_model, d_state) * 0.5)
        self.D = nn.Parameter(torch.ones(d_model))
        for p in (self.A_log, self.dt_log, self.D):
            p._no_weight_decay = True

    def forward(self, u):
        dt = self.dt_log.exp()[:, None]
        decay = torch.exp(-dt * self.A_log.exp())
        h, out = u.new_zeros(u.size(0), *self.B.shape), []
        for step in u.unbind(1):
            h = decay * h + dt * self.B * step[..., None]
            out.append((h * self.C).sum(-1) + self.D * step)
        return torch.stack(out, 1)


class Harbour(nn.Module):
    def __init__(self, d_model=20):
        super().__init__()
        self.inp = nn.Linear(WIND, d_model)
        self.ssm = Diagonal(d_model)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Sequential(nn.Linear(d_model, 32), nn.GELU(), nn.Linear(32, 1))

    def forward(self, wind):
        return self.out(self.norm(self.ssm(self.inp(wind))))


def harbour(n):
    wind = torch.randn(n, STEPS, WIND).cumsum(1) * 0.2 + 0.4 * torch.randn(n, STEPS, WIND)
    slow, fast, water = torch.zeros(n), torch.zeros(n), []
    for t in range(STEPS):
        slow = 0.96 * slow + 0.08 * wind[:, t, 0]
        fast = 0.7 * fast + 0.3 * wind[:, t, 1]
        water.append(slow + fast * torch.sigmoid(slow))
    return wind, torch.stack(water, 1)[..., None]


model = Harbour()
plain, apart = [], []
for name, p in model.named_parameters():
    keep = getattr(p, "_no_weight_decay", False) or p.dim() == 1 or "norm" in name
    (apart if keep else plain).append(p)
optimizer = torch.optim.AdamW(
    [{"params": plain, "weight_decay": 0.1}, {"params": apart, "weight_decay": 0.0}], lr=4e-3
)
test_wind, test_water = harbour(200)
for step in range(1, 351):
    wind, water = harbour(32)
    loss = F.mse_loss(model(wind), water)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 35 == 0:
        with torch.no_grad():
            missed = F.mse_loss(model(test_wind), test_water) / test_water.var()
        print(f"step {step} loss {loss.item():.4f} test {missed.item():.4f} of the variance")
