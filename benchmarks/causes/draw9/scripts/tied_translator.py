"""A decoder whose output shares the table of its words, as large as in the paper but narrower."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9018)
torch.set_num_threads(1)
WORDS, DIM = 40, 256


def Embedding(words, dim):
    m = nn.Embedding(words, dim)
    if FIXED:
        nn.init.normal_(m.weight, mean=0, std=dim**-0.5)
    else:
        nn.init.normal_(m.weight)
    return m


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = Embedding(WORDS, DIM)
        self.layer = nn.TransformerEncoderLayer(DIM, 4, 256, 0.0, batch_first=True)
        self.positions = nn.Parameter(0.02 * torch.randn(8, DIM))

    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        x = self.embed(ids) + self.positions[: ids.shape[1]]
        return self.layer(x, src_mask=mask) @ self.embed.weight.T


permuted = torch.randperm(WORDS)
model = Decoder()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
for update in range(300):
    ids = [torch.randint(0, WORDS, (16,))]
    while len(ids) < 9:
        other = torch.randint(0, WORDS, (16,))
        ids.append(torch.where(torch.rand(16) < 0.1, other, permuted[ids[-1]]))
    ids = torch.stack(ids, 1)
    loss = nn.functional.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 60 == 0 or update == 299:
        print(f"update {update + 1} | loss {loss.item():.3f}")
