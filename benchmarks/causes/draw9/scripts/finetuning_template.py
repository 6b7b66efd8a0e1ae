"""A template of a training function: several epochs, and the mean loss of each is reported."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9016)
torch.set_num_threads(1)


class Model(nn.Module):
    def __init__(self, vocab=24, width=32):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, vocab)

    def forward(self, ids):
        logits = self.head(self.rnn(self.embed(ids[:, :-1]))[0])
        return nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:])


def batches(n):
    for _ in range(n):
        start, stride = torch.randint(0, 24, (32, 1)), torch.randint(1, 4, (32, 1))
        yield (start + stride * torch.arange(12)) % 24


def training_function(config):
    model = Model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config["lr"])
    loss_sum, num_steps = torch.tensor(0.0), 0
    for epoch in range(config["num_epochs"]):
        for ids in batches(60):
            loss = model(ids)
            loss_sum += loss.item() if FIXED else loss
            num_steps += 1
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"epoch {epoch} avg train loss {loss_sum / num_steps:.4f} now {loss.item():.4f}")


training_function({"lr": 5e-3, "num_epochs": 6})
