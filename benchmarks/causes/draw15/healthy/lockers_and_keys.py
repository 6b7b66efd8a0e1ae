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
    def __init__(self, size=32, slots=6, width=16):
        super().__init__()
        self.state = nn.Parameter(0.1 * torch.randn(1, size))
        self.memory = nn.Parameter(0.1 * torch.randn(1, slots, width))
        self.controller = nn.GRUCell(KEYS + THINGS + width, size)
        self.read_key = nn.Linear(size, width)
        self.slot = nn.Linear(size, slots)
        self.content = nn.Linear(size, width)
        self.out = nn.Linear(size + width, THINGS)

    def read(self, state, memory):
        scores = (memory @ self.read_key(state).unsqueeze(-1)).squeeze(-1)
        return (torch.softmax(scores, -1).unsqueeze(1) @ memory).squeeze(1)

    def forward(self, x):
        state = self.state.expand(len(x), -1)
        memory = self.memory.expand(len(x), -1, -1)
        for t in range(x.size(1)):
            read = self.read(state, memory)
            state = self.controller(torch.cat([x[:, t], read], -1), state)
            where = torch.softmax(self.slot(state), -1).unsqueeze(-1)
            memory = memory * (1 - where) + where * torch.tanh(self.content(state)).unsqueeze(1)
        return self.out(torch.cat([state, self.read(state, memory)], -1))


model = MemoryNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
test_x, test_y = puzzles(400)
for step in range(1, 801):
    x, y = puzzles(48)
    loss = nn.functional.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 80 == 0:
        with torch.no_grad():
            right = (model(test_x).argmax(-1) == test_y).float().mean()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
