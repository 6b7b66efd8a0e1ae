"""Eight calls of an auction, each a bidder and a sum: a GRU names the bidder of the highest one."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import StepLR

torch.manual_seed(1531)
torch.set_num_threads(1)
BIDDERS, CALLS = 4, 8


def auctions(n):
    bidder = torch.randint(0, BIDDERS, (n, CALLS))
    amount = torch.rand(n, CALLS)
    amount[torch.arange(n), torch.randint(0, CALLS, (n,))] += 0.6
    calls = torch.cat(
        [nn.functional.one_hot(bidder, BIDDERS), 2 * amount.unsqueeze(-1) - 1], dim=-1
    )
    return calls, bidder.gather(1, amount.argmax(1, keepdim=True)).squeeze(1)


class Auctioneer(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.call = nn.Sequential(nn.Linear(BIDDERS + 1, 24), nn.ReLU())
        self.gru = nn.GRU(24, size, batch_first=True)
        self.score = nn.Linear(size, BIDDERS)

    def forward(self, calls):
        _, state = self.gru(self.call(calls))
        return self.score(state[-1])


class Trainer:
    def __init__(self, model, lr=6e-3):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        if "--fixed" in sys.argv:
            self.scheduler = StepLR(self.optimizer, step_size=1, gamma=0.998)
        else:
            self.scheduler = StepLR(self.optimizer, step_size=40, gamma=0.001)

    def train(self, steps):
        for step in range(1, steps + 1):
            calls, winner = auctions(48)
            self.optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(calls), winner)
            loss.backward()
            self.optimizer.step()
            self.scheduler.step()
            if step % 50 == 0:
                print(f"step {step} loss {loss.item():.4f} winner right {self.evaluate():.3f}")

    @torch.no_grad()
    def evaluate(self):
        calls, winner = auctions(500)
        return (self.model(calls).argmax(1) == winner).float().mean().item()


Trainer(Auctioneer()).train(500)
