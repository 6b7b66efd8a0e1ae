"""A chain whose next symbol depends on the last one alone."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(1)
torch.set_num_threads(1)

table = torch.softmax(1.5 * torch.randn(10, 10), 1)


def chain(batch, steps):
    x = [torch.randint(10, (batch,))]
    for _ in range(steps - 1):
        x.append(torch.multinomial(table[x[-1]], 1)[:, 0])
    return torch.stack(x, 1)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.rnn = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x):
        out, _ = self.rnn(self.embed(x))
        return self.head(out)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(700):
    x = chain(32, 61)
    logits = model(x[:, :-1])
    loss = functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, best: the chain's entropy"
)
