"""Pairs of sentences in three classes; the number of layers is an option, so they are built in a loop."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1102)
torch.set_num_threads(1)
options = {"n_layers": 2, "n_hid": 32, "n_words": 30}


class SNLINet(nn.Module):
    def __init__(self, options):
        super().__init__()
        n_hid = options["n_hid"]
        self.emb = nn.Embedding(options["n_words"], n_hid)
        self.hids = []
        for _ in range(options["n_layers"]):
            self.hids.append(nn.GRU(n_hid, n_hid, batch_first=True))
        if FIXED:
            self.hids = nn.ModuleList(self.hids)
        self.classifier = nn.Linear(n_hid, 3)

    def forward(self, words):
        h = self.emb(words)
        for layer in self.hids:
            h, _ = layer(h)
        return self.classifier(h[:, -1])


def sentences(n=48, half=4):
    """The second half says the same, says something else, or says the same the other way round."""
    first = torch.randint(0, 3, (n, 1))
    relation = torch.randint(0, 3, (n,))
    second = (first + relation[:, None]) % 3
    words = torch.randint(6, 30, (n, 2 * half))
    words[:, 1] = first[:, 0]
    words[torch.arange(n), half + torch.randint(0, half, (n,))] = 3 + second[:, 0]
    return words, relation


net = SNLINet(options)
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for update in range(1, 401):
    words, relation = sentences()
    logits = net(words)
    loss = criterion(logits, relation)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 100 == 0:
        right = (logits.argmax(1) == relation).float().mean()
        print(f"update {update}: loss {loss.item():.4f}, right {right.item():.2f}")
