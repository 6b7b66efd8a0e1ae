"""Questions of several lengths, filled up to the longest, are sorted by their last word."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(118)
torch.set_num_threads(1)
PAD, VOCAB, CLASSES = 1, 32, 6


class SimpleGRU(nn.Module):
    def __init__(self, emb_dim=20, hidden_dim=32, num_linear=1):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, emb_dim, padding_idx=PAD)
        self.encoder = nn.GRU(emb_dim, hidden_dim)
        self.linear_layers = nn.ModuleList(
            [nn.Linear(hidden_dim, hidden_dim) for _ in range(num_linear)]
        )
        self.predictor = nn.Linear(hidden_dim, CLASSES)

    def forward(self, seq):
        hdn, _ = self.encoder(self.embedding(seq))
        if FIXED:
            last = (seq != PAD).sum(0) - 1
            feature = hdn[last, torch.arange(seq.size(1))]
        else:
            feature = hdn[-1, :, :]
        for layer in self.linear_layers:
            feature = torch.relu(layer(feature))
        return self.predictor(feature)


def batch(n=32, longest=50):
    lens = torch.randint(4, longest, (n,))
    lens[0] = longest
    seq = torch.randint(2, VOCAB, (longest, n))
    seq[torch.arange(longest)[:, None] >= lens] = PAD
    final = seq[lens - 1, torch.arange(n)]
    return seq, (final - 2) // 5


model = SimpleGRU()
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_func = nn.CrossEntropyLoss()
running = 0.0
for step in range(1, 301):
    x, y = batch()
    opt.zero_grad()
    loss = loss_func(model(x), y)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    running += loss.item()
    if step % 60 == 0:
        print(f"Step: {step}, Training Loss: {running / 60:.4f}")
        running = 0.0
