"""A generator of short waves against a recurrent judge; each has an optimizer of its own."""

import torch
from torch import nn

torch.manual_seed(1351)
torch.set_num_threads(1)
LENGTH, NOISE = 12, 4


class Generator(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(NOISE, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, noise):
        return self.out(self.gru(noise)[0])


class Judge(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.gru = nn.GRU(1, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, wave):
        return self.out(self.gru(wave)[0].mean(1)).squeeze(1)


def waves(n):
    time = torch.arange(LENGTH) * 0.5 + 6.28 * torch.rand(n, 1)
    return (1.0 + 0.5 * time.sin()).unsqueeze(-1)


generator, judge = Generator(), Judge()
to_forge = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.99))
to_judge = torch.optim.Adam(judge.parameters(), lr=1e-3, betas=(0.5, 0.99))
criterion = nn.BCEWithLogitsLoss()
yes, no = torch.full((32,), 0.9), torch.zeros(32)
for step in range(1, 401):
    real, fake = waves(32), generator(torch.randn(32, LENGTH, NOISE))
    loss_judge = criterion(judge(real), yes) + criterion(judge(fake.detach()), no)
    to_judge.zero_grad()
    loss_judge.backward()
    to_judge.step()
    loss_forge = criterion(judge(fake), yes)
    to_forge.zero_grad()
    loss_forge.backward()
    to_forge.step()
    if step % 50 == 0:
        print(
            f"step {step} judge {loss_judge.item():.3f} forger {loss_forge.item():.3f} "
            f"mean of forged {fake.mean().item():.3f} of real {real.mean().item():.3f}"
        )
