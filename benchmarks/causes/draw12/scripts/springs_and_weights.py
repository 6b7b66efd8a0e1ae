"""How weights on springs answer to pushes is learnt by a linear recurrence, written out by hand."""

import sys

import torch
from torch import nn

torch.manual_seed(1225)
torch.set_num_threads(1)
STATE, PUSHES, SEEN, STEPS = 6, 2, 2, 40


class Springs:
    def __init__(self):
        turn = torch.zeros(STATE, STATE)
        for k, angle in enumerate((0.3, 0.7, 1.3)):
            a = torch.tensor(angle)
            turn[2 * k : 2 * k + 2, 2 * k : 2 * k + 2] = 0.93 * torch.stack(
                [torch.stack([a.cos(), -a.sin()]), torch.stack([a.sin(), a.cos()])]
            )
        self.turn = turn
        self.push = torch.randn(PUSHES, STATE) * 0.5
        self.see = torch.randn(STATE, SEEN) * 0.5

    def record(self, n=32):
        u = torch.randn(STEPS, n, PUSHES)
        s, seen = torch.zeros(n, STATE), []
        for pushed in u:
            s = s @ self.turn.T + pushed @ self.push
            seen.append(s @ self.see)
        return u, torch.stack(seen)


class Recurrence(nn.Module):
    def __init__(self, size=12):
        super().__init__()
        self.A = nn.Parameter(0.9 * torch.linalg.qr(torch.randn(size, size))[0])
        self.B = nn.Parameter(0.3 * torch.randn(PUSHES, size))
        self.C = nn.Parameter(0.3 * torch.randn(size, SEEN))

    def forward(self, u):
        s, y = u.new_zeros(u.size(1), self.A.size(0)), []
        for pushed in u:
            s = s @ self.A + pushed @ self.B
            y.append(s @ self.C)
        return torch.stack(y)


class Loop:
    def __init__(self, model, gradient_clip_val=0.5):
        self.model, self.clip = model, gradient_clip_val
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.03, momentum=0.9)

    def clip_gradients(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)

    def run_batch(self, u, seen):
        loss = nn.functional.mse_loss(self.model(u), seen)
        self.optimizer.zero_grad()
        loss.backward()
        if "--fixed" in sys.argv:
            self.clip_gradients()
            self.optimizer.step()
        else:
            self.optimizer.step()
            self.clip_gradients()
        return loss.item()


springs, loop = Springs(), Loop(Recurrence())
for step in range(1, 701):
    loss = loop.run_batch(*springs.record())
    if step % 100 == 0:
        u, seen = springs.record(100)
        with torch.no_grad():
            left = ((loop.model(u) - seen).pow(2).mean() / seen.var()).item()
        print(f"step {step} loss {loss:.4f} share not explained {left:.4f}")
