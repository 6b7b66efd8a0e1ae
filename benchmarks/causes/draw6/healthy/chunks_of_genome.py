"""Labels along a strand, read in both directions, packed; what is filler has no label."""

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

torch.manual_seed(6206)
torch.set_num_threads(1)


class Segmenter(nn.Module):
    def __init__(self):
        super().__init__()
        self.base = nn.Embedding(4, 12)
        self.lstm = nn.LSTM(12, 24, bidirectional=True)
        self.label = nn.Linear(48, 2)

    def forward(self, packed):
        vectors = PackedSequence(self.base(packed.data), packed.batch_sizes)
        return self.label(self.lstm(vectors)[0].data)


def strands(n=24):
    """A base is within a motif if it is one of two equal neighbours of each other."""
    rows = [torch.randint(0, 4, (int(k),)) for k in torch.randint(6, 20, (n,)).sort()[0].flip(0)]
    labels = []
    for row in rows:
        same = torch.zeros(len(row) + 1, dtype=torch.bool)
        same[1:-1] = row[1:] == row[:-1]
        labels.append((same[1:] | same[:-1]).long())
    return pack_sequence(rows), pack_sequence(labels).data


model = Segmenter()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(300):
    packed, labels = strands()
    scores = model(packed)
    loss = nn.functional.cross_entropy(scores, labels)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 59:
        right = (scores.argmax(1) == labels).float().mean().item()
        print(f"step {step + 1} loss {loss.item():.4f} right {right:.3f}")
