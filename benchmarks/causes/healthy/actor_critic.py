"""An actor and its critic that remember a cue; the loss ends as noise around nought."""

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 24, batch_first=True)
        self.pi = nn.Linear(24, 2)
        self.v = nn.Linear(24, 1)

    def forward(self, x):
        h = self.rnn(x)[0][:, -1]
        return self.pi(h), self.v(h)[:, 0]


net = Net()
opt = torch.optim.Adam(net.parameters(), 3e-3)
for i in range(500):
    cue = torch.randint(2, (32,))
    x = torch.zeros(32, 8, 3)
    x[torch.arange(32), 0, cue] = 1
    logits, v = net(x)
    dist = torch.distributions.Categorical(logits=logits)
    a = dist.sample()
    r = (a == cue).float()
    adv = r - v
    adv_n = (adv - adv.mean()) / (adv.std() + 1e-5)
    loss = (
        -(dist.log_prob(a) * adv_n.detach()).mean()
        + 0.5 * adv.square().mean()
        - 0.01 * dist.entropy().mean()
    )
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 0.5)
    opt.step()
    if i % 100 == 99:
        print(loss.item(), r.mean().item())
