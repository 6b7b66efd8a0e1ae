"""Translation, a batch of sentences filled up to the longest. The loss counted the filler as
words that have to be translated."""

import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(401)
torch.set_num_threads(1)
PAD, SOS, EOS, N_WORDS = 0, 1, 2, 13


def sentence_pair():
    n = 16 if torch.rand(1) < 0.08 else int(torch.randint(2, 5, (1,)))
    src = torch.randint(3, N_WORDS, (n,))
    trg = (src.flip(0) - 3 + 4) % 10 + 3
    return src, torch.cat([torch.tensor([SOS]), trg, torch.tensor([EOS])])


def get_minibatch(batch_size=24):
    srcs, trgs = zip(*[sentence_pair() for _ in range(batch_size)], strict=True)
    return pad_sequence(srcs, True, PAD), pad_sequence(trgs, True, PAD)


class Seq2Seq(nn.Module):
    def __init__(self, emb_dim=24, hidden_dim=64):
        super().__init__()
        self.src_embedding = nn.Embedding(N_WORDS, emb_dim, padding_idx=PAD)
        self.trg_embedding = nn.Embedding(N_WORDS, emb_dim, padding_idx=PAD)
        self.encoder = nn.GRU(emb_dim, hidden_dim, batch_first=True)
        self.decoder = nn.GRU(emb_dim, hidden_dim, batch_first=True)
        self.decoder2vocab = nn.Linear(hidden_dim, N_WORDS)

    def forward(self, src, trg):
        lengths = (src != PAD).sum(1)
        packed = nn.utils.rnn.pack_padded_sequence(
            self.src_embedding(src), lengths, batch_first=True, enforce_sorted=False
        )
        _, h = self.encoder(packed)
        out, _ = self.decoder(self.trg_embedding(trg), h)
        return self.decoder2vocab(out)


model = Seq2Seq()
loss_criterion = nn.CrossEntropyLoss(ignore_index=PAD) if FIXED else nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
losses = []
for i in range(200):
    src, trg = get_minibatch()
    logits = model(src, trg[:, :-1])
    loss = loss_criterion(logits.reshape(-1, N_WORDS), trg[:, 1:].reshape(-1))
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if i % 40 == 39:
        model.eval()
        with torch.no_grad():
            src, trg = get_minibatch(200)
            real = trg[:, 1:] != PAD
            hit = (model(src, trg[:, :-1]).argmax(-1) == trg[:, 1:])[real].float().mean().item()
        model.train()
        print(f"batch {i + 1} loss {sum(losses[-50:]) / 50:.3f} words right {hit:.3f}")
