"""A language of brackets 30 apart; the forget gates begin shut."""

import torch
from torch import nn
from torch.nn import functional

torch.manual_seed(3)
torch.set_num_threads(1)


def brackets(batch, steps, depth):
    """An opening of one of four kinds, filling of two letters in turn, and the kind that closes."""
    x = torch.randint(4, 6, (batch, steps))
    x[:, 1:] = 4 + (x[:, :1] + torch.arange(1, steps)) % 2
    kind = torch.randint(4, (batch, (steps + depth - 1) // depth))
    x[:, ::depth] = kind
    ends = x[:, depth - 1 :: depth]
    x[:, depth - 1 :: depth] = 6 + kind[:, : ends.shape[1]]
    return x


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 16)
        self.rnn = nn.LSTM(16, 32, batch_first=True)
        self.head = nn.Linear(32, 10)
        with torch.no_grad():
            self.rnn.bias_ih_l0[32:64] = -4.0

    def forward(self, x):
        out, _ = self.rnn(self.embed(x))
        return self.head(out)


model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
losses = []
for i in range(1000):
    x = brackets(32, 91, 30)
    logits = model(x[:, :-1])
    loss = functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
print(
    f"first {sum(losses[:10]) / 10:.4f}, final loss {sum(losses[-20:]) / 20:.4f}, with memory 0.046, without 0.093"
)
