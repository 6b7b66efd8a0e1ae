"""Word-level language model on Python's own manual, state carried from window to window."""

import argparse
import math
import re
import time
from collections import Counter
from pydoc_data.topics import topics

import torch
import torch.nn as nn
import torch.nn.functional as F


class RNNModel(nn.Module):
    def __init__(self, rnn_type, ntoken, ninp, nhid, nlayers, dropout=0.2):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.encoder = nn.Embedding(ntoken, ninp)
        self.rnn = getattr(nn, rnn_type)(ninp, nhid, nlayers, dropout=dropout)
        self.decoder = nn.Linear(nhid, ntoken)

    def forward(self, tokens, hidden):
        emb = self.drop(self.encoder(tokens))
        output, hidden = self.rnn(emb, hidden)
        return self.decoder(self.drop(output)), hidden


def repackage_hidden(h):
    """Cut the state off its history, or backward would go back to the first window."""
    if isinstance(h, torch.Tensor):
        return h.detach()
    return None if h is None else tuple(repackage_hidden(v) for v in h)


def batchify(ids, bsz):
    nbatch = ids.size(0) // bsz
    return ids[: nbatch * bsz].view(bsz, nbatch).t().contiguous()


def evaluate(model, data, bptt):
    model.eval()
    total, hidden = 0.0, None
    with torch.no_grad():
        for i in range(0, data.size(0) - 1, bptt):
            length = min(bptt, data.size(0) - 1 - i)
            output, hidden = model(data[i : i + length], hidden)
            target = data[i + 1 : i + 1 + length]
            total += length * F.cross_entropy(output.flatten(0, 1), target.flatten()).item()
    model.train()
    return total / (data.size(0) - 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", default="LSTM", choices=["LSTM", "GRU"])
    parser.add_argument("--nhid", type=int, default=128)
    parser.add_argument("--nlayers", type=int, default=2)
    parser.add_argument("--bptt", type=int, default=35)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--windows", type=int, default=0, help="stop an epoch early")
    parser.add_argument("--lr", type=float, default=0.003)
    args = parser.parse_args()
    torch.manual_seed(1111)

    words = re.findall(r"\w+|[^\w\s]", " ".join(topics[k] for k in sorted(topics)).lower())
    vocab = [w for w, _ in Counter(words).most_common(4000)]
    index = {w: i + 1 for i, w in enumerate(vocab)}
    ids = torch.tensor([index.get(w, 0) for w in words])
    cut = int(0.95 * len(ids))
    train_data, val_data = batchify(ids[:cut], 20), batchify(ids[cut:], 10)
    print(f"{len(words)} words, {len(vocab) + 1} different ones")

    model = RNNModel(args.model, len(vocab) + 1, 128, args.nhid, args.nlayers)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    for epoch in range(1, args.epochs + 1):
        start, total, hidden = time.time(), 0.0, None
        windows = range(0, train_data.size(0) - 1, args.bptt)
        for batch, i in enumerate(windows[: args.windows or None]):
            length = min(args.bptt, train_data.size(0) - 1 - i)
            data, target = train_data[i : i + length], train_data[i + 1 : i + 1 + length]
            hidden = repackage_hidden(hidden)
            model.zero_grad()
            output, hidden = model(data, hidden)
            loss = F.cross_entropy(output.flatten(0, 1), target.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
            optimizer.step()
            total += loss.item()
            if batch % 50 == 49:
                print(f"epoch {epoch} | batch {batch + 1} | ppl {math.exp(total / 50):8.2f}")
                total = 0.0
        val_loss = evaluate(model, val_data, args.bptt)
        print(
            f"end of epoch {epoch} | {time.time() - start:.0f}s | valid ppl {math.exp(val_loss):.2f}"
        )


if __name__ == "__main__":
    main()
