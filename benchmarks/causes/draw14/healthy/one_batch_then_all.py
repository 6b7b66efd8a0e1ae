"""A reader of shorthand is first tried on one batch that it must learn by heart, then trained."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(145)
torch.set_num_threads(1)
STROKES, SIGNS, LENGTH = 6, 9, 14


def build():
    torch.manual_seed(7)
    model = Shorthand()
    return model, torch.optim.Adam(model.parameters(), lr=4e-3)


class Shorthand(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.inp = nn.Linear(STROKES, hidden)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, SIGNS)

    def forward(self, x):
        return self.out(self.rnn(self.inp(x).relu())[0])


shapes = torch.randn(SIGNS, STROKES)


def pages(n):
    """Each stroke leans towards its neighbours, so that it has to be read with them."""
    signs = torch.randint(SIGNS, (n, LENGTH))
    x = shapes[signs]
    lean = torch.zeros_like(x)
    lean[:, 1:] += 0.5 * x[:, :-1]
    lean[:, :-1] += 0.5 * x[:, 1:]
    return x + lean + 0.3 * torch.randn_like(x), signs


def train_step(model, optimizer, x, signs):
    loss = nn.functional.cross_entropy(model(x).flatten(0, 1), signs.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


x, signs = pages(1920)
valid_x, valid_signs = pages(300)

model, optimizer = build()
for step in range(1, 101):
    loss = train_step(model, optimizer, x[:16], signs[:16])
print(f"sanity check on one batch: loss {loss:.4f} after {step} steps")
assert loss < 0.1

model, optimizer = build()
loader = DataLoader(TensorDataset(x, signs), batch_size=32, shuffle=True)
for epoch in range(1, 9):
    losses = [train_step(model, optimizer, *batch) for batch in loader]
    with torch.no_grad():
        right = (model(valid_x).argmax(-1) == valid_signs).float().mean().item()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} right signs {right:.3f}")
