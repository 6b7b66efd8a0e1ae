"""Which way does a ball roll on a film? Of the film comes every first, second or third frame."""

import torch
from torch import nn

torch.manual_seed(165)
torch.set_num_threads(1)
SIDE, FRAMES, WAYS = 8, 6, 4


def films(n, stride):
    """Frames (n, FRAMES, 1, SIDE, SIDE); of a longer film, each stride-th one is kept."""
    way = torch.randint(0, WAYS, (n,))
    heading = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])[way]
    t = torch.arange(FRAMES).view(1, FRAMES, 1) * stride
    place = 2 + 3 * torch.rand(n, 1, 2) + 0.4 * t * heading.unsqueeze(1)
    cells = torch.arange(SIDE).float()
    off = place.unsqueeze(3) - cells
    blob = torch.exp(-off.pow(2) / 2)
    frames = blob[:, :, 0].unsqueeze(3) * blob[:, :, 1].unsqueeze(2)
    frames = frames + 0.1 * torch.randn_like(frames)
    return 3 * (frames - frames.mean()).unsqueeze(2), way


class FilmReader(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.eye = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(12 * (SIDE // 2) ** 2, 32),
            nn.ReLU(),
        )
        self.gru = nn.GRU(32, size, batch_first=True)
        self.way = nn.Linear(size, WAYS)

    def forward(self, frames):
        n, length = frames.shape[:2]
        seen = self.eye(frames.flatten(0, 1)).view(n, length, -1)
        rows, _ = self.gru(seen)
        return self.way(rows)  # a guess at each frame


@torch.no_grad()
def right(model):
    shares = []
    for stride in (1, 2, 3):
        frames, way = films(60, stride)
        shares.append((model(frames)[:, -1].argmax(1) == way).float().mean().item())
    return " ".join(f"{share:.3f}" for share in shares)


model = FilmReader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 321):
    stride = int(torch.randint(1, 4, ()))
    frames, way = films(32, stride)
    guesses = model(frames)[:, 1:]
    loss = nn.functional.cross_entropy(guesses.flatten(0, 1), way.repeat_interleave(FRAMES - 1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 64 == 0:
        print(f"step {step} loss {loss.item():.4f} right at strides 1, 2, 3: {right(model)}")
