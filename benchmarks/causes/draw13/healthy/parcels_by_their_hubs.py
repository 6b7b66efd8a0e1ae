"""Gradients of four small batches of parcels' routes add up before each step."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(2326)
torch.set_num_threads(1)
HUBS, ACCUMULATE = 20, 4


class RouteNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hubs = nn.Embedding(HUBS, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True)
        self.late = nn.Linear(32, 1)

    def forward(self, route):
        return self.late(self.lstm(self.hubs(route))[1][0][-1]).squeeze(1)


delay = torch.rand(HUBS).pow(3)


def routes(n, length=8):
    route = torch.randint(0, HUBS, (n, length))
    wait = delay[route].sum(1) + 0.1 * torch.randn(n)
    return route, (wait > delay.mean() * length).float()


loader = DataLoader(TensorDataset(*routes(2560)), batch_size=8, shuffle=True)
route_val, late_val = routes(500)
model = RouteNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 7):
    total = 0.0
    optimizer.zero_grad()
    for i, (route, late) in enumerate(loader, 1):
        loss = nn.functional.binary_cross_entropy_with_logits(model(route), late)
        (loss / ACCUMULATE).backward()
        total += loss.item() / len(loader)
        if i % ACCUMULATE == 0:
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    with torch.no_grad():
        acc = ((model(route_val) > 0).float() == late_val).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} val acc {acc:.3f}")
