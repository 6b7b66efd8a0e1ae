"""Each batch goes through in two halves to save memory; the gradients of both make one step."""

import torch
from torch import nn

torch.manual_seed(205)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(15, 16)
        self.rnn = nn.GRU(16, 20, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(40, 3)

    def forward(self, x):
        return self.tag(self.rnn(self.embed(x))[0])


def sentences(n=32, t=9):
    x = torch.randint(0, 15, (n, t))
    after = torch.cat([x[:, 1:], x[:, :1] * 0], 1)
    return x, (x // 5 + after // 5) % 3


model = Tagger()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
for step in range(1, 401):
    x, y = sentences()
    optimizer.zero_grad()
    whole = 0.0
    for xs, ys in zip(x.chunk(2), y.chunk(2), strict=True):
        loss = nn.functional.cross_entropy(model(xs).transpose(1, 2), ys) / 2
        loss.backward()
        whole += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 0:
        print(f"step {step}: {whole:.4f}")
