"""Groups with a rate of their own each were collected in a list; the last group was filled, but
never appended, so that the encoder of a tagger stayed as it was."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5103)
torch.set_num_threads(1)

N_WORDS, N_TAGS = 40, 5


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(N_WORDS, 20)
        self.bilstm = nn.LSTM(20, 24, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(48, N_TAGS)

    def forward(self, words):
        return self.fc(self.bilstm(self.embedding(words))[0])


def make_optimizer(model):
    parameters = []
    params = {"lr": 2e-3, "params": []}
    for name, p in model.named_parameters():
        if "embedding" in name:
            params["params"].append(p)
    parameters.append(params)
    params = {"lr": 1e-2, "params": []}
    for name, p in model.named_parameters():
        if name.startswith("fc"):
            params["params"].append(p)
    parameters.append(params)
    params = {"lr": 5e-3, "params": []}
    for name, p in model.named_parameters():
        if "bilstm" in name:
            params["params"].append(p)
    if FIXED:
        parameters.append(params)
    return torch.optim.AdamW(parameters, weight_decay=1e-3)


def batch(n=24, t=14):
    words = torch.randint(0, N_WORDS, (n, t))
    before = torch.roll(words, 1, 1)
    before[:, 0] = 0
    after = torch.roll(words, -1, 1)
    after[:, -1] = 0
    tags = ((words % 3) + 2 * (before % 2) + (after > 20).long()) % N_TAGS
    return words, tags


model = Tagger()
optimizer = make_optimizer(model)
for step in range(600):
    words, tags = batch()
    logits = model(words)
    loss = F.cross_entropy(logits.flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 150 == 149:
        acc = (logits.argmax(-1) == tags).float().mean().item()
        print(f"step {step + 1}  loss {loss.item():.3f}  acc {acc:.3f}")
