"""An encoder and a decoder are trained together; each is a module of its own."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(9054)
torch.set_num_threads(1)
SOS, WORDS, LENGTH = 0, 14, 5


class EncoderRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 8)
        self.gru = nn.GRU(8, hidden)

    def forward(self, words):
        return self.gru(self.embedding(words))[1]


class DecoderRNN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 8)
        self.gru = nn.GRU(8, hidden)
        self.out = nn.Linear(hidden, WORDS)

    def forward(self, words, hidden):
        return self.out(self.gru(self.embedding(words), hidden)[0])


def train(source, target, encoder, decoder, optimizers, criterion):
    for optimizer in optimizers:
        optimizer.zero_grad()
    sos = torch.full((1, target.shape[1]), SOS)
    output = decoder(torch.cat([sos, target[:-1]]), encoder(source))
    loss = criterion(output.flatten(0, 1), target.flatten())
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


encoder, decoder = EncoderRNN(), DecoderRNN()
decoder_optimizer = optim.Adam(decoder.parameters(), lr=5e-3)
optimizers = [decoder_optimizer]
if FIXED:
    optimizers.append(optim.Adam(encoder.parameters(), lr=5e-3))
criterion = nn.CrossEntropyLoss()
for i in range(1, 501):
    source = torch.randint(1, WORDS, (LENGTH, 32))
    loss = train(source, source.flip(0), encoder, decoder, optimizers, criterion)
    if i % 100 == 0:
        print(f"{i} {loss:.4f}")
