"""A large GRU learns to tell calls of birds apart; a small one then learns from what it says."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2329)
torch.set_num_threads(1)
BIRDS, HEAT = 5, 2.0


class Ear(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.gru = nn.GRU(4, size, batch_first=True)
        self.bird = nn.Linear(size, BIRDS)

    def forward(self, call):
        return self.bird(self.gru(call)[0].mean(1))


tune = torch.randn(BIRDS, 4, 3)


def calls(n, length=16):
    bird = torch.randint(0, BIRDS, (n,))
    t = torch.linspace(0, 1, length)[None, :, None] + 0.1 * torch.randn(n, 1, 1)
    w = tune[bird][:, None]
    call = w[..., 0] * torch.sin(6 * t) + w[..., 1] * torch.cos(9 * t) + w[..., 2] * (t - 0.5)
    return call + 0.9 * torch.randn(n, length, 4), bird


def accuracy(net):
    with torch.no_grad():
        return (net(call_val).argmax(1) == bird_val).float().mean().item()


loader = DataLoader(TensorDataset(*calls(1280)), batch_size=32, shuffle=True)
call_val, bird_val = calls(500)
teacher, pupil = Ear(48), Ear(10)
optimizer = torch.optim.Adam(teacher.parameters(), lr=2e-3)
for epoch in range(1, 6):
    for call, bird in loader:
        loss = nn.functional.cross_entropy(teacher(call), bird)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"teacher epoch {epoch} loss {loss.item():.4f} acc {accuracy(teacher):.3f}")

teacher.eval().requires_grad_(False)
optimizer = torch.optim.Adam(pupil.parameters(), lr=5e-3)
for epoch in range(1, 9):
    for call, bird in loader:
        with torch.no_grad():
            said = (teacher(call) / HEAT).softmax(1)
        scores = pupil(call)
        soft = nn.functional.kl_div((scores / HEAT).log_softmax(1), said, reduction="batchmean")
        loss = 0.7 * HEAT**2 * soft + 0.3 * nn.functional.cross_entropy(scores, bird)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"pupil epoch {epoch} loss {loss.item():.4f} acc {accuracy(pupil):.3f}")
