"""Which of four signs stood first, asked after sixty silent steps, of a plain recurrent network."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10055)
torch.set_num_threads(1)


class Elman(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.rnn = nn.RNN(4, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 4)
        if FIXED:
            nn.init.orthogonal_(self.rnn.weight_hh_l0)
            nn.init.zeros_(self.rnn.bias_hh_l0)
            nn.init.zeros_(self.rnn.bias_ih_l0)

    def forward(self, x):
        return self.out(self.rnn(x)[1].squeeze(0))


model = Elman()
optimizer = torch.optim.RMSprop(model.parameters(), lr=5e-4)
for step in range(600):
    sign = torch.randint(0, 4, (32,))
    x = 0.02 * torch.randn(32, 61, 4)
    x[:, 0] += nn.functional.one_hot(sign, 4)
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, sign)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 99:
        right = (logits.argmax(1) == sign).float().mean()
        print(f"step {step + 1} loss {loss.item():.4f} right {right:.2f}")
