"""A sonar passes over a shoal in twenty pings; how many fish a net then brings up is foretold."""

import sys

import torch
from torch import nn

torch.manual_seed(1424)
torch.set_num_threads(1)
PINGS, BEAMS = 20, 4
beam = torch.tensor([1.0, 0.8, -0.6, 0.4])


def shoals(n):
    """Thick shoals echo more; the catch is a count about the exponential of how thick they are."""
    thick = 1.5 + 2.2 * torch.rand(n)
    echoes = (thick[:, None, None] - 2.6) * beam + 0.4 * torch.randn(n, PINGS, BEAMS)
    return echoes, torch.poisson(thick.exp()), thick.exp()


class ShoalNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.beams = nn.Linear(BEAMS, 24)
        self.rnn = nn.RNN(24, size, batch_first=True)
        self.log_count = nn.Linear(size, 1)

    def forward(self, echoes):
        _, h = self.rnn(torch.relu(self.beams(echoes)))
        return self.log_count(h[-1]).squeeze(-1)


class Trainer:
    def __init__(self, model, max_norm=8.0):
        self.model, self.max_norm = model, max_norm
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def clip(self):
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)

    def step(self, echoes, catch):
        log_count = self.model(echoes)
        loss = (log_count.exp() - catch * log_count).mean()
        self.optimizer.zero_grad()
        if "--fixed" not in sys.argv:
            self.clip()
        loss.backward()
        if "--fixed" in sys.argv:
            self.clip()
        self.optimizer.step()
        return loss.item()


trainer = Trainer(ShoalNet())
for step in range(1, 501):
    echoes, catch, _ = shoals(64)
    loss = trainer.step(echoes, catch)
    if step % 50 == 0 or step < 4:
        with torch.no_grad():
            echoes, _, expected = shoals(400)
            error = (trainer.model(echoes).exp() - expected).abs().mean().item()
        print(
            f"step {step} loss {loss:.3f} off by {error:.2f} of {expected.mean().item():.1f} fish"
        )
