"""Two sensors on one machine: their pieces of the same moment are brought together (InfoNCE)."""

import torch
from torch import nn

torch.manual_seed(9108)
torch.set_num_threads(1)


class Encoder(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.gru, self.out = nn.GRU(channels, 24, batch_first=True), nn.Linear(24, 12)

    def forward(self, x):
        return nn.functional.normalize(self.out(self.gru(x)[0].mean(1)), dim=1)


mix_a, mix_b = torch.randn(3, 4), torch.randn(3, 2)


def moments(n=32, t=12):
    hidden = torch.randn(n, 1, 3) + 0.3 * torch.randn(n, t, 3)
    a = hidden @ mix_a + 0.2 * torch.randn(n, t, 4)
    return a, hidden @ mix_b + 0.2 * torch.randn(n, t, 2)


first, second = Encoder(4), Encoder(2)
log_scale = nn.Parameter(torch.tensor(2.0))
params = [*first.parameters(), *second.parameters(), log_scale]
optimizer = torch.optim.Adam(params, lr=4e-3)
labels = torch.arange(32)
for step in range(350):
    a, b = moments()
    logits = first(a) @ second(b).T * log_scale.exp()
    loss = nn.functional.cross_entropy(logits, labels)
    loss = (loss + nn.functional.cross_entropy(logits.T, labels)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        log_scale.clamp_(max=4.6)
    if step % 70 == 69:
        right = (logits.argmax(1) == labels).float().mean()
        print(f"{step + 1}: loss {loss.item():.4f}, found {right:.3f}")
