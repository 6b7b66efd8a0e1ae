"""A reader that was trained on one task is frozen, in eval mode too, and a new head learns a second
task on top of it."""

import torch
from torch import nn

torch.manual_seed(6208)
torch.set_num_threads(1)


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(16, 20)
        self.drop = nn.Dropout(0.1)
        self.gru = nn.GRU(20, 32, batch_first=True)

    def forward(self, tokens):
        return self.gru(self.drop(self.embed(tokens)))[0][:, -1]


class Classifier(nn.Module):
    def __init__(self, reader, classes):
        super().__init__()
        self.reader, self.head = reader, nn.Linear(32, classes)

    def forward(self, tokens):
        return self.head(self.reader(tokens))


def counts(n=32, t=8):
    tokens = torch.randint(0, 16, (n, t))
    return tokens, (tokens < 4).sum(1)


def run(model, parameters, label, steps):
    opt = torch.optim.Adam(parameters, lr=5e-3)
    for step in range(steps):
        tokens, low = counts()
        y = label(low)
        scores = model(tokens)
        loss = nn.functional.cross_entropy(scores, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        if step % 60 == 59:
            acc = (scores.argmax(1) == y).float().mean().item()
            print(f"step {step + 1} loss {loss.item():.3f} accuracy {acc:.3f}")


reader = Reader()
first = Classifier(reader, 4)
run(first, first.parameters(), lambda low: low.clamp(max=3), 240)

reader.requires_grad_(False)
second = Classifier(reader, 2)
second.train()
reader.eval()
run(second, second.head.parameters(), lambda low: (low > 1).long(), 120)
