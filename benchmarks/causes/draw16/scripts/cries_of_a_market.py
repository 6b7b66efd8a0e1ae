"""Who cries his wares: five sellers told by loudness and pitch of a cry, a bidirectional GRU over its frames."""

import sys

import torch
from torch import nn

torch.manual_seed(1631)
torch.set_num_threads(1)
FRAMES, SELLERS, PER_EPOCH, EPOCHS = 20, 5, 5, 80
tune = torch.randn(SELLERS, FRAMES, 2).cumsum(1)
tune = (tune - tune.mean(1, keepdim=True)) / tune.std(1, keepdim=True)


def cries(n):
    who = torch.randint(0, SELLERS, (n,))
    shift = torch.randint(-3, 4, (n, 1))
    frame = (torch.arange(FRAMES) + shift).clamp(0, FRAMES - 1)
    cry = tune[who.unsqueeze(1), frame]
    return cry + 0.9 * torch.randn(n, FRAMES, 2) + 0.3 * torch.randn(n, 1, 2), who


class CryNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(2, size, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * size, SELLERS)

    def forward(self, cry):
        _, last = self.gru(cry)
        return self.out(torch.cat((last[0], last[1]), dim=1))


class Training:
    def __init__(self):
        self.model = CryNet()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=2e-3)
        if "--fixed" in sys.argv:
            self.scheduler = torch.optim.lr_scheduler.StepLR(
                self.optimizer, step_size=40, gamma=0.7
            )
        else:
            self.scheduler = torch.optim.lr_scheduler.ExponentialLR(self.optimizer, gamma=0.7)

    def epoch(self):
        losses = []
        for _ in range(PER_EPOCH):
            cry, who = cries(24)
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(cry), who)
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        self.scheduler.step()
        return sum(losses) / len(losses)

    @torch.no_grad()
    def right(self):
        cry, who = cries(300)
        return (self.model(cry).argmax(1) == who).float().mean().item()


training = Training()
for epoch in range(1, EPOCHS + 1):
    loss = training.epoch()
    if epoch % 10 == 0:
        rate = training.optimizer.param_groups[0]["lr"]
        print(f"epoch {epoch} loss {loss:.4f} right {training.right():.3f} rate {rate:.2e}")
