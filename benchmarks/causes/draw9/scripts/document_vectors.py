"""Documents are put in order of length, packed, and turned into vectors; labels come beside them."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(9041)
torch.set_num_threads(1)


class DocumentRNN(nn.Module):
    def __init__(self, words=30, width=24):
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.rnn = nn.GRU(width, width, batch_first=True)

    def forward(self, documents):
        lengths = torch.tensor([len(d) for d in documents])
        order = lengths.argsort(descending=True)
        padded = pad_sequence([documents[i] for i in order], batch_first=True)
        packed = pack_padded_sequence(self.words(padded), lengths[order], batch_first=True)
        vectors = self.rnn(packed)[1][0]
        return vectors[order.argsort()] if FIXED else vectors


def documents(n=32):
    subject = torch.randint(0, 3, (n,))
    made = []
    for s in subject.tolist():
        words = torch.randint(0, 30, (int(torch.randint(3, 16, ())),))
        words[0] = words[0] % 10 + 10 * s
        words[-1] = words[-1] % 10 + 10 * s
        made.append(words)
    return made, subject


embed, head = DocumentRNN(), nn.Linear(24, 3)
optimizer = torch.optim.Adam([*embed.parameters(), *head.parameters()], lr=5e-3)
for step in range(400):
    made, subject = documents()
    loss = nn.functional.cross_entropy(head(embed(made)), subject)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 80 == 79:
        print(f"step {step + 1}: loss {loss.item():.4f}")
