"""A layer of damped oscillators, complex states and all, whose decays have a group of their own in
the optimizer: a lower rate and no weight decay."""

import torch
from torch import nn

torch.manual_seed(6210)
torch.set_num_threads(1)


class Oscillators(nn.Module):
    def __init__(self, d_in, n=24, d_out=16):
        super().__init__()
        self.log_decay = nn.Parameter(torch.linspace(-4.0, -1.0, n))
        self.frequency = nn.Parameter(torch.rand(n) * 1.5)
        self.b = nn.Linear(d_in, 2 * n, bias=False)
        self.c = nn.Linear(2 * n, d_out)

    def forward(self, u):
        turn = torch.complex(-self.log_decay.exp(), self.frequency).exp()
        drive = torch.view_as_complex(self.b(u).unflatten(-1, (-1, 2)))
        h, outputs = torch.zeros_like(drive[:, 0]), []
        for t in range(u.shape[1]):
            h = turn * h + drive[:, t]
            outputs.append(torch.view_as_real(h).flatten(1))
        return nn.functional.gelu(self.c(torch.stack(outputs, 1)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = Oscillators(1)
        self.norm = nn.LayerNorm(16)
        self.out = nn.Linear(16, 3)

    def forward(self, u):
        return self.out(self.norm(self.layer(u)).mean(1))


tones = torch.tensor([0.3, 0.6, 1.0])


def sounds(n=32, t=30):
    which = torch.randint(0, 3, (n,))
    at = tones[which][:, None] * torch.arange(t) + 6.28 * torch.rand(n, 1)
    return (at.sin() + 0.5 * torch.randn(n, t))[..., None], which


net = Net()
slow = [net.layer.log_decay, net.layer.frequency]
rest = [p for p in net.parameters() if all(p is not q for q in slow)]
opt = torch.optim.AdamW(
    [{"params": slow, "lr": 1e-3, "weight_decay": 0.0}, {"params": rest}], lr=4e-3
)
for step in range(250):
    x, y = sounds()
    scores = net(x)
    loss = nn.functional.cross_entropy(scores, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(f"{step + 1} {loss.item():.3f} {(scores.argmax(1) == y).float().mean().item():.2f}")
