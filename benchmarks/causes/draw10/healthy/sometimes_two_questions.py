"""Two questions about a walk; the second is asked in one batch out of three only."""

import torch
from torch import nn

torch.manual_seed(10109)
torch.set_num_threads(1)


class Walk(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(2, 32, batch_first=True)
        self.where = nn.Linear(32, 2)
        self.far = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, moves, both):
        h = self.gru(moves)[1][-1]
        return self.where(h), self.far(h).squeeze(1) if both else None


model = Walk()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(480):
    moves = 0.4 * torch.randn(32, 10, 2)
    end, both = moves.sum(1), step % 3 == 0
    where, far = model(moves, both)
    loss = nn.functional.mse_loss(where, end)
    if both:
        loss = loss + 0.5 * nn.functional.mse_loss(far, end.norm(dim=1))
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    if step % 96 == 0 and step:
        print(f"step {step} both {both} loss {loss.item():.4f}")
