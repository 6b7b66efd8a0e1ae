"""A self-made GRU puts each new output in front of the earlier ones. Its last place then holds
the first step, and the decision was made from there."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(434)
torch.set_num_threads(1)


class GRUD(nn.Module):
    def __init__(self, input_size, hidden_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.zl = nn.Linear(2 * input_size + hidden_size, hidden_size)
        self.rl = nn.Linear(2 * input_size + hidden_size, hidden_size)
        self.hl = nn.Linear(2 * input_size + hidden_size, hidden_size)
        self.gamma_h = nn.Linear(input_size, hidden_size)

    def step(self, x, mask, delta, h):
        h = torch.exp(-torch.relu(self.gamma_h(delta))) * h
        combined = torch.cat((x, h, mask), 1)
        z, r = torch.sigmoid(self.zl(combined)), torch.sigmoid(self.rl(combined))
        h_tilde = torch.tanh(self.hl(torch.cat((x, r * h, mask), 1)))
        return (1 - z) * h + z * h_tilde

    def forward(self, x, mask, delta):
        hidden = x.new_zeros(x.size(0), self.hidden_size)
        outputs = None
        for i in range(x.size(1)):
            hidden = self.step(x[:, i], mask[:, i], delta[:, i], hidden)
            new = hidden.unsqueeze(1)
            if outputs is None:
                outputs = new
            elif FIXED:
                outputs = torch.cat((outputs, new), 1)
            else:
                outputs = torch.cat((new, outputs), 1)
        return outputs


def patients(n=32, steps=12):
    ill = torch.randint(0, 2, (n,))
    t = torch.linspace(-0.2, 1, steps)[None, :, None]
    x = t.clamp(min=0) * (2.0 * ill[:, None, None] - 1) + 0.4 * torch.randn(n, steps, 3)
    mask = (torch.rand(n, steps, 3) < 0.7).float()
    delta = torch.zeros_like(mask)
    for s in range(1, steps):
        delta[:, s] = 0.1 + (1 - mask[:, s - 1]) * delta[:, s - 1]
    return x * mask, mask, delta, ill


grud, fc = GRUD(3, 32), nn.Linear(32, 2)
params = [*grud.parameters(), *fc.parameters()]
optimizer = torch.optim.RMSprop(params, lr=2e-3)
seen = []
for it in range(220):
    x, mask, delta, ill = patients()
    out = fc(grud(x, mask, delta)[:, -1])
    loss = nn.functional.cross_entropy(out, ill)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    seen.append((out.argmax(1) == ill).float().mean().item())
    if it % 44 == 43:
        print(
            f"Iteration: {it + 1}, train_loss: {loss.item():.4f}, acc: {sum(seen[-44:]) / 44:.3f}"
        )
