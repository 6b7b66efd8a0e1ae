"""The weights of a sequence loss are ones everywhere, also where there is no word. Most places hold the
filler, the loss gets small by saying it, and the words themselves are hardly learned."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7271)
torch.set_num_threads(1)

PAD, V, LONG = 0, 14, 40


class Seq2Seq(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.e = nn.Embedding(V, d)
        self.enc = nn.GRU(d, d, batch_first=True)
        self.dec = nn.GRU(d, d, batch_first=True)
        self.o = nn.Linear(d, V)

    def forward(self, ask, lengths, given):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.e(ask), lengths, batch_first=True, enforce_sorted=False
        )
        return self.o(self.dec(self.e(given), self.enc(packed)[1])[0])


def talk(n=24):
    lengths = torch.randint(2, 6, (n,))
    ask = torch.zeros(n, LONG, dtype=torch.long)
    answer = torch.zeros(n, LONG, dtype=torch.long)
    for i, k in enumerate(lengths.tolist()):
        ask[i, :k] = torch.randint(2, V, (k,))
        answer[i, :k] = ask[i, :k].flip(0)
    given = torch.cat([torch.ones(n, 1, dtype=torch.long), answer[:, :-1]], 1)
    return ask, lengths, given, answer


model = Seq2Seq()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(250):
    ask, lengths, given, answer = talk()
    logits = model(ask, lengths, given)
    weights = torch.ones_like(answer, dtype=torch.float)
    if FIXED:
        weights = (answer != PAD).float()
    each = nn.functional.cross_entropy(logits.transpose(1, 2), answer, reduction="none")
    loss = (each * weights).sum() / weights.sum()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        word = answer != PAD
        right = (logits.argmax(-1) == answer)[word].float().mean().item()
        print(f"{step + 1} loss {loss.item():.3f} words right {right:.2f}")
