"""Three recurrent experts and a gate that says how much each of them is to be believed."""

import torch
from torch import nn

torch.manual_seed(8216)
torch.set_num_threads(1)


class Experts(nn.Module):
    def __init__(self, width=16, experts=3):
        super().__init__()
        self.experts = nn.ModuleList(nn.GRU(3, width, batch_first=True) for _ in range(experts))
        self.reads = nn.ModuleList(nn.Linear(width, 1) for _ in range(experts))
        self.gate = nn.GRU(3, width, batch_first=True)
        self.weigh = nn.Linear(width, experts)

    def forward(self, x):
        answers = []
        for expert, read in zip(self.experts, self.reads, strict=True):
            answers.append(read(expert(x)[0][:, -1]))
        weights = self.weigh(self.gate(x)[0][:, -1]).softmax(1)
        return (weights * torch.cat(answers, 1)).sum(1), weights


def mixtures(n=40, t=10):
    x = torch.randn(n, t, 3)
    regime = torch.randint(0, 2, (n,))
    x[..., 2] = 2.0 * regime[:, None] - 1 + 0.1 * x[..., 2]
    return x, torch.where(regime == 1, x[..., 0].mean(1), -x[..., 1].mean(1)) * 2


model = Experts()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(240):
    x, y = mixtures()
    said, weights = model(x)
    use = weights.mean(0)
    loss = (said - y).square().mean() + 0.01 * (use * use.log()).sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        print(f"{step + 1} {loss.item():.4f} {[round(u, 2) for u in use.tolist()]}")
