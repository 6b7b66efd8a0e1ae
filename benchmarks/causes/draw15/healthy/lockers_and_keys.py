"""Which of the things put away lies behind this key? A controller with a memory it writes to."""

import torch
from torch import nn

torch.manual_seed(15102)
torch.set_num_threads(1)
KEYS, THINGS, PAIRS = 8, 6, 4


def puzzles(n):
    """Four key and thing pairs one after the other, then one of the keys alone."""
    keys = torch.stack([torch.randperm(KEYS)[:PAIRS] for _ in range(n)])
    things = torch.randint(0, THINGS, (n, PAIRS))
    asked = torch.randint(0, PAIRS, (n, 1))
    x = torch.zeros(n, PAIRS + 1, KEYS + THINGS)
    x[:, :PAIRS, :KEYS] = nn.functional.one_hot(keys, KEYS).float()
    x[:, :PAIRS, KEYS:] = nn.functional.one_hot(things, THINGS).float()
    x[:, PAIRS, :KEYS] = nn.functional.one_hot(keys.gather(1, asked)[:, 0], KEYS).float()
    return x, things.gather(1, asked)[:, 0]


class MemoryNet(nn.Module):
    """The state and the memory's first row, which stands for nothing found, are learnt."""

    def __init__(self, size=32, width=16):
        super().__init__()
        self.state = nn.Parameter(0.1 * torch.randn(1, size))
        self.blank = nn.Parameter(0.1 * torch.randn(1, 1, 2 * width))
        self.width = width
        self.controller = nn.GRUCell(KEYS + THINGS + width, size)
        self.address = nn.Linear(KEYS + THINGS, width)
        self.content = nn.Linear(KEYS + THINGS, width)
        self.out = nn.Linear(size, THINGS)

    def read(self, address, memory):
        rows, contents = memory.split(self.width, -1)
        weights = torch.softmax((rows @ address.unsqueeze(-1)).squeeze(-1), -1)
        return (weights.unsqueeze(1) @ contents).squeeze(1)

    def forward(self, x):
        state = self.state.expand(len(x), -1)
        memory = self.blank.expand(len(x), -1, -1)
        for t in range(x.size(1)):
            address = self.address(x[:, t])
            read = self.read(address, memory)
            state = self.controller(torch.cat([x[:, t], read], -1), state)
            row = torch.cat([address, self.content(x[:, t])], -1)
            memory = torch.cat([memory, row.unsqueeze(1)], 1)
        return self.out(state)


model = MemoryNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
test_x, test_y = puzzles(400)
for step in range(1, 501):
    x, y = puzzles(48)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_x).argmax(-1) == test_y).float().mean()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
