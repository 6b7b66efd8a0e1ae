"""Before the long run: can this model learn one single batch by heart? It should, and does."""

import torch
from torch import nn

torch.manual_seed(1175)
torch.set_num_threads(1)


class Seq2Vec(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(6, 32)
        self.rnn = nn.LSTM(32, 48, batch_first=True)
        self.out = nn.Linear(48, 8)

    def forward(self, x):
        x = torch.tanh(self.inp(x))
        return self.out(self.rnn(x)[0].mean(1))


x = torch.randn(24, 15, 6)
y = torch.randint(0, 8, (24,))
model = Seq2Vec()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for step in range(1, 401):
    logits = model(x)
    loss = nn.functional.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step}: loss {loss.item():.5f} by heart {(logits.argmax(1) == y).sum()}/24")
print("sanity check passed" if loss.item() < 0.05 else "something is wrong")
