"""Letters are read in both directions; what was kept is handed to the decoder in one piece."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1116)
torch.set_num_threads(1)
VOCAB, LENGTH, UNITS = 8, 5, 28


def combine_bidir(outs, bsz):
    """(2, bsz, units) -> (1, bsz, 2 * units)"""
    if FIXED:
        outs = outs.transpose(0, 1).contiguous()
    return outs.view(1, bsz, 2 * UNITS)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB + 1, 16)
        self.encoder = nn.LSTM(16, UNITS, batch_first=True, bidirectional=True)
        self.decoder = nn.LSTM(16, 2 * UNITS, batch_first=True)
        self.fc_out = nn.Linear(2 * UNITS, VOCAB)

    def forward(self, src, prev_output_tokens):
        bsz = src.size(0)
        _, (hiddens, cells) = self.encoder(self.embed(src))
        state = combine_bidir(hiddens, bsz), combine_bidir(cells, bsz)
        x, _ = self.decoder(self.embed(prev_output_tokens), state)
        return self.fc_out(x)


model = Seq2Seq()
optimizer = torch.optim.NAdam(model.parameters(), lr=6e-3)
for num_updates in range(1, 501):
    src = torch.randint(0, VOCAB, (32, LENGTH))
    target = src.sort(1).values
    prev = torch.cat([torch.full((32, 1), VOCAB), target[:, :-1]], 1)
    logits = model(src, prev)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if num_updates % 100 == 0:
        print(f"num_updates {num_updates} | loss {loss.item():.3f}")
