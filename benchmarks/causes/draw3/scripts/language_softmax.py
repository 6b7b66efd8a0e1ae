"""A model of characters stuck far above what others reach: its scores went through a softmax
before the loss that applies one."""

import sys

import torch
import torch.nn as nn
from torch.nn import functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(26)
torch.set_num_threads(1)
text = (
    "the rain in spain stays mainly in the plain and the train to the plain is late again. "
    "a cane is plain to gain, and in vain the crane will strain. "
) * 12
chars = sorted(set(text))
data = torch.tensor([chars.index(c) for c in text])
config = {"context": 24, "batch": 16, "d_model": 40}


def get_batches():
    ix = torch.randint(0, len(data) - config["context"] - 1, (config["batch"],))
    x = torch.stack([data[i : i + config["context"]] for i in ix])
    y = torch.stack([data[i + 1 : i + config["context"] + 1] for i in ix])
    return x, y


class CharModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(chars), config["d_model"])
        self.gru = nn.GRU(config["d_model"], config["d_model"], batch_first=True)
        self.linear = nn.Sequential(
            nn.Linear(config["d_model"], config["d_model"]),
            nn.ReLU(),
            nn.Linear(config["d_model"], len(chars)),
        )

    def forward(self, idx, targets=None):
        a = self.linear(self.gru(self.embedding(idx))[0])
        logits = a if FIXED else F.softmax(a, dim=-1)
        if targets is None:
            return logits
        return logits, F.cross_entropy(logits.view(-1, len(chars)), targets.view(-1))


model = CharModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(300):
    optimizer.zero_grad()
    xs, ys = get_batches()
    logits, loss = model(xs, targets=ys)
    loss.backward()
    optimizer.step()
    if step % 60 == 0:
        print(step, f"{loss.item():.3f}")
