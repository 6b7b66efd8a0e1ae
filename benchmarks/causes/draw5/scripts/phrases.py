"""The decoder of a sentence autoencoder ran in both directions, so that at each place it had read
the token that it was asked for."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(5110)
torch.set_num_threads(1)

VOCAB, SOS = 16, 0


class Phrases(nn.Module):
    def __init__(self, embedding_size=20, hidden_size=40, bidirectional=not FIXED):
        super().__init__()
        self.bidirectional = bidirectional
        self.embedding = nn.Embedding(VOCAB, embedding_size)
        self.encoder_rnn = nn.GRU(embedding_size, hidden_size, batch_first=True)
        self.hidden2latent = nn.Linear(hidden_size, 12)
        self.latent2hidden = nn.Linear(12, hidden_size * (1 + bidirectional))
        self.decoder_rnn = nn.GRU(
            embedding_size, hidden_size, batch_first=True, bidirectional=bidirectional
        )
        self.outputs2vocab = nn.Linear(hidden_size * (1 + bidirectional), VOCAB)
        self.hidden_size = hidden_size

    def forward(self, inputs, source):
        _, hidden = self.encoder_rnn(self.embedding(source))
        z = self.hidden2latent(hidden[0])
        start = torch.tanh(self.latent2hidden(z)).view(-1, 1 + self.bidirectional, self.hidden_size)
        outputs, _ = self.decoder_rnn(self.embedding(inputs), start.transpose(0, 1).contiguous())
        return self.outputs2vocab(outputs)


def sentences(n=32, t=9):
    rows = torch.randint(1, VOCAB, (n, t))
    for k in range(2, t):
        keep = torch.rand(n) < 0.7
        rows[keep, k] = 1 + (rows[keep, k - 1] + rows[keep, k - 2]) % (VOCAB - 1)
    start = torch.full((n, 1), SOS)
    return rows, torch.cat([start, rows[:, :-1]], 1)


model = Phrases()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for iteration in range(700):
    target, inputs = sentences()
    logp = model(inputs, target)
    loss = nn.functional.cross_entropy(logp.reshape(-1, VOCAB), target.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if iteration % 140 == 139:
        print(f"Batch {iteration + 1:04d} NLL-Loss {loss.item():.4f}")
target, _ = sentences()
inputs = torch.full((32, 1), SOS)
with torch.no_grad():
    for _ in range(9):
        inputs = torch.cat([inputs, model(inputs, target)[:, -1:].argmax(-1)], 1)
print(f"reconstructed alone: {(inputs[:, 1:] == target).float().mean().item():.3f}")
