"""Numbers among other words are read by one network and said backwards by another; each is a module of its own."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1101)
torch.set_num_threads(1)
DIGITS, OTHERS, SOS, LENGTH, HIDDEN = 8, 12, 8, 3, 40


class EncoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(DIGITS + OTHERS, 24)
        self.gru = nn.GRU(24, HIDDEN, batch_first=True)

    def forward(self, numbers):
        return self.gru(self.embedding(numbers))[1]


class DecoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(DIGITS + 1, 24)
        self.gru = nn.GRU(24, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, DIGITS)

    def forward(self, said, hidden):
        output, _ = self.gru(self.embedding(said), hidden)
        return self.out(output)


encoder, decoder = EncoderRNN(), DecoderRNN()
encoder_optimizer = torch.optim.Adam(encoder.parameters(), lr=3e-3)
decoder_optimizer = torch.optim.Adam(decoder.parameters(), lr=3e-3)
for i in range(1, 601):
    numbers = torch.randint(0, DIGITS, (32, LENGTH))
    source = torch.randint(DIGITS, DIGITS + OTHERS, (32, 9))
    places = torch.rand(32, 9).argsort(1)[:, :LENGTH].sort(1).values
    source.scatter_(1, places, numbers)
    target = numbers.flip(1)
    said = F.pad(target[:, :-1], (1, 0), value=SOS)
    logits = decoder(said, encoder(source))
    loss = F.cross_entropy(logits.transpose(1, 2), target)
    encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    loss.backward()
    if FIXED:
        encoder_optimizer.step()
    decoder_optimizer.step()
    if i % 100 == 0:
        print(f"{i} loss {loss.item():.4f}")
