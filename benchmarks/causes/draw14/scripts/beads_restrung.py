"""A string of five coloured beads is read, then laid out again from its far end to its near end."""

import sys

import torch
from torch import nn

torch.manual_seed(1415)
torch.set_num_threads(1)
COLOURS, BEADS, START = 7, 5, 7


class Encoder(nn.Module):
    def __init__(self, size=40, layers=1):
        super().__init__()
        self.layers = layers
        self.embed = nn.Embedding(COLOURS, 16)
        self.gru = nn.GRU(16, size, layers, bidirectional=True)

    def combine_directions(self, hidden):
        """(layers * 2, batch, size) to (layers, batch, 2 * size)."""
        batch = hidden.size(1)
        dim = -1 if "--fixed" in sys.argv else 0
        layers = [torch.cat((hidden[2 * i], hidden[2 * i + 1]), dim) for i in range(self.layers)]
        return torch.stack(layers).view(self.layers, batch, 2 * hidden.size(2))

    def forward(self, beads):
        _, hidden = self.gru(self.embed(beads))
        return self.combine_directions(hidden)


class Decoder(nn.Module):
    def __init__(self, size=80):
        super().__init__()
        self.embed = nn.Embedding(COLOURS + 1, 16)
        self.gru = nn.GRU(16, size)
        self.out = nn.Linear(size, COLOURS)

    def forward(self, previous, hidden):
        out, hidden = self.gru(self.embed(previous), hidden)
        return self.out(out), hidden


def necklaces(n):
    beads = torch.randint(0, COLOURS, (BEADS, n))
    return beads, beads.flip(0)


def restrung(encoder, decoder, n=200):
    """Share of beads put in their places when the decoder goes on from its own beads."""
    beads, wanted = necklaces(n)
    with torch.no_grad():
        hidden = encoder(beads)
        bead, right = torch.full((1, n), START), 0.0
        for k in range(BEADS):
            scores, hidden = decoder(bead, hidden)
            bead = scores.argmax(-1)
            right += (bead[0] == wanted[k]).float().mean().item() / BEADS
    return right


encoder, decoder = Encoder(), Decoder()
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
for step in range(1, 401):
    beads, wanted = necklaces(64)
    previous = torch.cat((torch.full((1, 64), START), wanted[:-1]))
    scores, _ = decoder(previous, encoder(beads))
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), wanted.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], 2.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} in place {restrung(encoder, decoder):.3f}")
