"""Letters from the path of a pen: each step takes two passes, the second from weights moved up the slope."""

import torch
from torch import nn

torch.manual_seed(16101)
torch.set_num_threads(1)
LETTERS, POINTS, RHO = 4, 20, 0.05
SHAPES = torch.randn(LETTERS, 5, 2)


def strokes(n):
    letter = torch.randint(0, LETTERS, (n,))
    corners = SHAPES[letter] + 0.15 * torch.randn(n, 5, 2)
    path = nn.functional.interpolate(corners.transpose(1, 2), POINTS, mode="linear")
    return path.transpose(1, 2) + 0.1 * torch.randn(n, POINTS, 2), letter


class PenReader(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True)
        self.letter = nn.Linear(size, LETTERS)

    def forward(self, path):
        return self.letter(self.gru(path)[1][-1])


class SharpnessAware:
    """Moves to the worst point near by, takes the gradient there and steps from where it was."""

    def __init__(self, params, base, rho):
        self.params, self.base, self.rho = list(params), base, rho

    @torch.no_grad()
    def ascend(self):
        norm = torch.stack([p.grad.norm() for p in self.params]).norm()
        self.moved = [p.grad * (self.rho / (norm + 1e-12)) for p in self.params]
        for p, e in zip(self.params, self.moved, strict=True):
            p.add_(e)

    @torch.no_grad()
    def step(self):
        for p, e in zip(self.params, self.moved, strict=True):
            p.sub_(e)
        self.base.step()


model = PenReader()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
sam = SharpnessAware(model.parameters(), optimizer, RHO)
test_path, test_letter = strokes(300)
for step in range(1, 301):
    path, letter = strokes(24)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(path), letter)
    loss.backward()
    sam.ascend()
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(path), letter).backward()
    sam.step()
    if step % 50 == 0:
        with torch.no_grad():
            right = (model(test_path).argmax(1) == test_letter).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test right {right:.3f}")
