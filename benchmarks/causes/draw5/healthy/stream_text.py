"""A long text in parallel streams, cut into windows, the state handed on and cut from its graph."""

import torch
from torch import nn

torch.manual_seed(5208)
torch.set_num_threads(1)


def text(n=12, length=5000):
    x = torch.randint(0, 15, (n, length))
    for t in range(2, length):
        keep = torch.rand(n) < 0.85
        x[keep, t] = (x[keep, t - 1] + x[keep, t - 2]) % 15
    return x


class CharLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(15, 20)
        self.lstm = nn.LSTM(20, 40, batch_first=True)
        self.out = nn.Linear(40, 15)

    def forward(self, x, state):
        hidden, state = self.lstm(self.embed(x), state)
        return self.out(hidden), state


corpus = text()
model, state = CharLM(), None
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for k, start in enumerate(range(0, 4980, 14)):
    x, y = corpus[:, start : start + 14], corpus[:, start + 1 : start + 15]
    if state is not None:
        state = tuple(s.detach() for s in state)
    logits, state = model(x, state)
    loss = nn.functional.cross_entropy(logits.transpose(1, 2), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if k % 70 == 69:
        print(f"window {k + 1} loss {loss.item():.3f}")
