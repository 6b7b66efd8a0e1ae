"""Hidden layers are kept in lists of a list. They are in use and have gradients, but the module does
not know of them, so that the optimizer never heard of them either."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6152)
torch.set_num_threads(1)

options = {"n_layers": 3, "n_emb": 12, "n_hid": 24, "act": "Tanh"}


class SNLINet(nn.Module):
    def __init__(self, options):
        super().__init__()
        self.words = nn.Embedding(18, options["n_emb"])
        self.hids = []
        n_in = options["n_emb"]
        for _ in range(options["n_layers"]):
            self.hids.append(
                [nn.RNN(n_in, options["n_hid"], batch_first=True), getattr(nn, options["act"])()]
            )
            n_in = options["n_hid"]
        if FIXED:
            self.hids = nn.ModuleList(nn.ModuleList(pair) for pair in self.hids)
        self.classifier = nn.Linear(options["n_hid"], 3)

    def forward(self, premise):
        x = self.words(premise)
        for rnn, act in self.hids:
            x = act(rnn(x)[0])
        return self.classifier(x[:, -1])


def premises(n=32, t=12):
    """Which of two words came last, or neither of them?"""
    words = torch.randint(2, 18, (n, t))
    kind = torch.randint(0, 3, (n,))
    places = torch.rand(n, t).argsort(1)[:, :3].sort(1)[0]
    for row in range(n):
        if kind[row] < 2:
            words[row, places[row, 0]] = 1 - kind[row]
            words[row, places[row, 2]] = kind[row]
    return words, kind


net = SNLINet(options)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
print(sum(p.numel() for p in net.parameters()), "parameters")
hits = []
for update in range(400):
    premise, kind = premises()
    scores = net(premise)
    loss = nn.functional.cross_entropy(scores, kind)
    net.zero_grad()
    loss.backward()
    optimizer.step()
    hits.append((scores.argmax(1) == kind).float().mean().item())
    if update % 80 == 79:
        print(update + 1, round(loss.item(), 3), round(sum(hits[-40:]) / 40, 3))
