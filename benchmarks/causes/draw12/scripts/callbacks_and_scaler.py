"""Days of power use are split into kinds of hours by a tagger that is trained through callbacks and a scaler."""

import sys

import torch
from torch import nn

torch.manual_seed(1226)
torch.set_num_threads(1)
HOURS, KINDS = 24, 4


class HourTagger(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True, bidirectional=True)
        self.kind = nn.Linear(2 * size, KINDS)

    def forward(self, use):
        return self.kind(self.lstm(use)[0])


def days(n=32):
    """Night, rise, noon and evening come in turn; each begins with a leap or fall of the load."""
    cuts = (torch.rand(n, 3) * 4 + torch.tensor([3.0, 9.0, 15.0])).long()
    hour = torch.arange(HOURS)
    kind = (hour[None, :, None] >= cuts[:, None]).sum(-1)
    level = torch.tensor([-1.0, 0.6, -0.2, 1.2])[kind]
    load = level + 0.5 * torch.randn(n, HOURS)
    return torch.stack([load, torch.randn(n, HOURS)], -1), kind


class OptimizerCallback:
    def __init__(self, model, max_norm=1.0):
        self.model, self.max_norm = model, max_norm
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
        self.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)

    def on_batch_end(self, loss):
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        if "--fixed" in sys.argv:
            self.scaler.unscale_(self.optimizer)
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()


model = HourTagger()
callback = OptimizerCallback(model)
for batch in range(1, 601):
    use, kind = days()
    loss = nn.functional.cross_entropy(model(use).flatten(0, 1), kind.flatten())
    callback.on_batch_end(loss)
    if batch % 100 == 0:
        use, kind = days(300)
        with torch.no_grad():
            right = (model(use).argmax(-1) == kind).float().mean()
        print(f"batch {batch} loss {loss.item():.4f} hours right {right:.3f}")
