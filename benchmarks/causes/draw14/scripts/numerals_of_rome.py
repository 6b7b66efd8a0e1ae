"""Roman numerals are written out in our digits, letter by letter, by an encoder and a decoder."""

import sys

import torch
from torch import nn

torch.manual_seed(14101)
torch.set_num_threads(1)

LETTERS = "_IVXLC"
START = 10
HUNDREDS = ["", "C", "CC", "CCC"]
TENS = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"]
ONES = ["", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX"]


def roman(n):
    return HUNDREDS[n // 100] + TENS[n // 10 % 10] + ONES[n % 10]


class Scribe(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.source = nn.Embedding(len(LETTERS), 12)
        self.encoder = nn.LSTM(12, size, batch_first=True)
        self.target = nn.Embedding(11, 12)
        self.decoder = nn.LSTM(12, size, batch_first=True)
        self.out = nn.Linear(size, 10)

    @property
    def encoder_params(self):
        return [*self.source.parameters(), *self.encoder.parameters()]

    @property
    def decoder_params(self):
        return [*self.target.parameters(), *self.decoder.parameters(), *self.out.parameters()]

    def forward(self, letters, digits):
        _, state = self.encoder(self.source(letters))
        start = torch.full_like(digits[:, :1], START)
        hidden, _ = self.decoder(self.target(torch.cat([start, digits[:, :-1]], 1)), state)
        return self.out(hidden)

    @torch.no_grad()
    def write(self, letters):
        _, state = self.encoder(self.source(letters))
        token = torch.full_like(letters[:, :1], START)
        written = []
        for _ in range(3):
            hidden, state = self.decoder(self.target(token), state)
            token = self.out(hidden).argmax(2)
            written.append(token)
        return torch.cat(written, 1)


def encode(numbers):
    # the numerals end at the right edge, so that the encoder's last step is a letter
    rows = [[LETTERS.index(c) for c in roman(n).rjust(11, "_")] for n in numbers]
    return torch.tensor(rows), torch.tensor([[n // 100, n // 10 % 10, n % 10] for n in numbers])


order = (1 + torch.randperm(399)).tolist()
train, test = encode(order[:330]), encode(order[330:])
model = Scribe()
if "--fixed" in sys.argv:
    groups = [{"params": model.encoder_params}, {"params": model.decoder_params}]
else:
    groups = [{"params": model.decoder_params}]
optimizer = torch.optim.Adam(groups, lr=5e-3)
for step in range(1, 501):
    pick = torch.randint(0, 330, (32,))
    letters, digits = train[0][pick], train[1][pick]
    logits = model(letters, digits)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), digits.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 50 == 0:
        right = (model.write(test[0]) == test[1]).all(1).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} unseen numbers written right {right:.3f}")
