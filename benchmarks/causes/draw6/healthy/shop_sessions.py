"""Items are many and each batch has few of them: sparse gradients with an optimizer of their own."""

import torch
from torch import nn

torch.manual_seed(6221)
torch.set_num_threads(1)

ITEMS, DIM = 300, 24


class Session(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Embedding(ITEMS, DIM, sparse=True)
        self.rnn = nn.GRU(DIM, 40, batch_first=True)
        self.kind = nn.Linear(40, 10)

    def forward(self, clicks):
        return self.kind(self.rnn(self.items(clicks))[0][:, -1])


def sessions(n=32, t=6):
    """Which of ten shelves will the visitor buy from? Half of the clicks are on it."""
    shelf = torch.randint(0, 10, (n,))
    own = torch.randint(0, ITEMS // 10, (n, t)) * 10 + shelf[:, None]
    return torch.where(torch.rand(n, t) < 0.5, own, torch.randint(0, ITEMS, (n, t))), shelf


model = Session()
sparse = torch.optim.SparseAdam(model.items.parameters(), lr=2e-2)
dense = torch.optim.Adam([*model.rnn.parameters(), *model.kind.parameters()], lr=4e-3)
log = []
for step in range(350):
    clicks, shelf = sessions()
    scores = model(clicks)
    loss = nn.functional.cross_entropy(scores, shelf)
    sparse.zero_grad()
    dense.zero_grad()
    loss.backward()
    sparse.step()
    dense.step()
    log.append((scores.argmax(1) == shelf).float().mean().item())
    if step % 70 == 69:
        print(f"{step + 1} loss {loss.item():.3f} accuracy {sum(log[-35:]) / 35:.3f}")
