"""A necklace is read stone by stone; the jeweller writes down the dearest stone of each third of it."""

import sys

import torch
from torch import nn, optim

torch.manual_seed(1601)
torch.set_num_threads(1)
STONES, THIRD, START = 6, 3, 6


def necklaces(n):
    stones = torch.randint(0, STONES, (n, 3 * THIRD))
    return stones, stones.view(n, 3, THIRD).max(dim=2).values


class EncoderRNN(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(STONES, 24)
        self.gru = nn.GRU(24, hidden_size, batch_first=True)

    def forward(self, stones):
        return self.gru(self.embedding(stones))[1]


class DecoderRNN(nn.Module):
    def __init__(self, hidden_size):
        super().__init__()
        self.embedding = nn.Embedding(STONES + 1, 24)
        self.gru = nn.GRU(24, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, STONES)

    def forward(self, before, hidden):
        output, hidden = self.gru(self.embedding(before), hidden)
        return self.out(output), hidden


def evaluate(encoder, decoder):
    stones, answer = necklaces(400)
    with torch.no_grad():
        hidden = encoder(stones)
        token, said = torch.full((400, 1), START), []
        for _ in range(3):
            logits, hidden = decoder(token, hidden)
            token = logits.argmax(-1)
            said.append(token)
    said = torch.cat(said, dim=1)
    return (said == answer).all(1).float().mean().item()


encoder, decoder = EncoderRNN(48), DecoderRNN(48)
learning_rate = 5e-3
if "--fixed" in sys.argv:
    params = list(encoder.parameters()) + list(decoder.parameters())
    optimizer = optim.Adam(params, lr=learning_rate)
else:
    optimizer = optim.Adam(decoder.parameters(), lr=learning_rate)
criterion = nn.CrossEntropyLoss()
for it in range(1, 401):
    stones, answer = necklaces(48)
    before = torch.cat([torch.full((48, 1), START), answer[:, :-1]], dim=1)
    logits, _ = decoder(before, encoder(stones))
    loss = criterion(logits.reshape(-1, STONES), answer.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if it % 80 == 0:
        print(
            f"iter {it} loss {loss.item():.4f} whole answers right {evaluate(encoder, decoder):.3f}"
        )
