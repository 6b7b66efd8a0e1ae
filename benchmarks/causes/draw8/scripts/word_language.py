"""A model of language with rectified recurrent units, trained in parts with gradients held short."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8143)
torch.set_num_threads(1)
ntokens, bptt, clip = 20, 18, 0.25
lr = 1.0 if FIXED else 20.0


class RNNModel(nn.Module):
    def __init__(self, ninp=32, nhid=32):
        super().__init__()
        self.encoder = nn.Embedding(ntokens, ninp)
        self.rnn = nn.RNN(ninp, nhid, nonlinearity="relu")
        self.decoder = nn.Linear(nhid, ntokens)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)

    def forward(self, words, hidden):
        output, hidden = self.rnn(self.encoder(words), hidden)
        return self.decoder(output), hidden


def text(length, rows=20):
    words = [torch.randint(0, ntokens, (rows,))]
    for _ in range(length):
        follow = (3 * words[-1] + 1) % ntokens
        words.append(
            torch.where(torch.rand(rows) < 0.85, follow, torch.randint(0, ntokens, (rows,)))
        )
    return torch.stack(words)


def repackage_hidden(h):
    return h.detach()


data = text(bptt * 300)
model, criterion = RNNModel(), nn.CrossEntropyLoss()
hidden, total_loss = torch.zeros(1, 20, 32), 0.0
for batch, i in enumerate(range(0, data.size(0) - 1, bptt), 1):
    words, targets = data[i : i + bptt], data[i + 1 : i + 1 + bptt]
    hidden = repackage_hidden(hidden)
    model.zero_grad()
    output, hidden = model(words, hidden)
    loss = criterion(output.view(-1, ntokens), targets.view(-1))
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    for p in model.parameters():
        p.data.add_(p.grad, alpha=-lr)
    total_loss += loss.item()
    if batch % 60 == 0:
        print(f"| {batch} batches | lr {lr:.2f} | loss {total_loss / 60:.2f}")
        total_loss = 0.0
