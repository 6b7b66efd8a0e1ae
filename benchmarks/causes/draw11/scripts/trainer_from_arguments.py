"""Speech without its echo, in small: a trainer is put together from a dictionary of arguments."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1128)
torch.set_num_threads(1)

args = {"lr": 0.1, "momentum": 0.0, "grad_clip_norm": 1.0, "steps": 500, "log_every": 50}


class Trainer:
    def __init__(self, model, args):
        self.model = model
        self.optimizer = torch.optim.SGD(
            model.parameters(), lr=args["lr"], momentum=args["momentum"]
        )
        self.max_norm = args.get("grad_clip_norm") if FIXED else args.get("max_grad_norm")
        self.steps, self.log_every = args["steps"], args["log_every"]

    def fit(self, data):
        for step in range(1, self.steps + 1):
            x, y = data()
            self.optimizer.zero_grad()
            loss = nn.functional.mse_loss(self.model(x), y, reduction="sum")
            loss.backward()
            if self.max_norm is not None:
                nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm)
            self.optimizer.step()
            if step % self.log_every == 0:
                print(f"step {step} loss {loss.item():.4f}")


class Acoustic(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.rnn = nn.LSTM(4, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, 4)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


def utterances(n=24, t=20):
    """What was said, heard together with an echo of the moment before."""
    clean = torch.randn(n, t, 4)
    heard = clean.clone()
    heard[:, 1:] += 0.7 * clean[:, :-1]
    return heard, clean


Trainer(Acoustic(), args).fit(utterances)
