"""A translator has an optimizer for the encoder and one for the decoder. Gradients of the decoder
were cleared, those of the encoder never."""

import random
import sys

import torch
import torch.nn as nn
from torch import optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(25)
random.seed(25)
torch.set_num_threads(1)
SOS, EOS, VOCAB, HIDDEN = 0, 1, 14, 28


class EncoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, HIDDEN)
        self.gru = nn.GRU(HIDDEN, HIDDEN, batch_first=True)

    def forward(self, x):
        return self.gru(self.embedding(x))


class AttnDecoderRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, HIDDEN)
        self.gru = nn.GRU(2 * HIDDEN, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, VOCAB)

    def forward(self, token, hidden, encoded):
        query = hidden[-1][:, :, None]
        weights = torch.softmax(encoded @ query / HIDDEN**0.5, dim=1)
        context = (weights * encoded).sum(1, keepdim=True)
        out, hidden = self.gru(torch.cat([self.embedding(token), context], -1), hidden)
        return self.out(out[:, 0]), hidden


def translate(n=20):
    src = torch.randint(2, VOCAB, (n, 6))
    tgt = torch.cat([(src.flip(1) - 2 + 3) % (VOCAB - 2) + 2, torch.full((n, 1), EOS)], 1)
    return src, tgt


encoder, decoder = EncoderRNN(), AttnDecoderRNN()
encoder_optimizer = optim.SGD(encoder.parameters(), lr=0.05)
decoder_optimizer = optim.SGD(decoder.parameters(), lr=0.05)
criterion = nn.CrossEntropyLoss()
for it in range(1, 301):
    src, tgt = translate()
    if FIXED:
        encoder_optimizer.zero_grad()
    decoder_optimizer.zero_grad()
    encoded, hidden = encoder(src)
    token = torch.full((len(src), 1), SOS)
    forced = random.random() < 0.7
    loss = 0
    for t in range(tgt.size(1)):
        logits, hidden = decoder(token, hidden, encoded)
        loss = loss + criterion(logits, tgt[:, t])
        token = tgt[:, t : t + 1] if forced else logits.argmax(1, keepdim=True).detach()
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    if it % 60 == 0:
        print(it, f"{loss.item() / tgt.size(1):.3f}")
