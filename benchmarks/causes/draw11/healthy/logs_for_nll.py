"""Which of five rhythms is it? Logarithms of probabilities come out, as the loss wants them."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(11106)
torch.set_num_threads(1)


class Rhythm(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.fc = nn.GRU(1, 28, batch_first=True), nn.Linear(28, 5)

    def forward(self, x):
        return F.log_softmax(self.fc(self.gru(x)[0].mean(1)), dim=-1)


model, criterion = Rhythm(), nn.NLLLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=3e-3)
for step in range(1, 501):
    kind = torch.randint(0, 5, (32,))
    beat = (torch.arange(20) + torch.randint(0, 6, (32, 1))) % (kind[:, None] + 2) == 0
    x = beat.float()[..., None] + 0.1 * torch.randn(32, 20, 1)
    loss = criterion(model(x), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step} nll {loss.item():.4f}")
