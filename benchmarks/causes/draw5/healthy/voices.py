"""A triplet loss with a margin: voices of one speaker come close, others stay away."""

import torch
from torch import nn

torch.manual_seed(5225)
torch.set_num_threads(1)

speakers = torch.randn(12, 4)


def voice(who, t=10):
    base = speakers[who][:, None]
    clock = torch.arange(t)[None, :, None]
    return torch.sin(base * clock * 0.5 + base) + 0.3 * torch.randn(len(who), t, 4)


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 28, batch_first=True)
        self.linear = nn.Linear(28, 12)

    def forward(self, x):
        return nn.functional.normalize(self.linear(self.gru(x)[0].mean(1)), dim=1)


model = Embedder()
criterion = nn.TripletMarginLoss(margin=0.4)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for it in range(300):
    who = torch.randint(0, 12, (32,))
    other = (who + torch.randint(1, 12, (32,))) % 12
    loss = criterion(model(voice(who)), model(voice(who)), model(voice(other)))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 60 == 59:
        print(f"{it + 1} {loss.item():.4f}")
