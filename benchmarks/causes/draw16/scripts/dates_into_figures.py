"""Dates such as "7 r 93" written as "93 07" and month figures: a GRU encoder and a GRU decoder with attention."""

import sys

import torch
from torch import nn

torch.manual_seed(1651)
torch.set_num_threads(1)
START, MONTH = 10, 11  # 0 to 9 are digits, 11 to 22 the letters of the months
VOCAB = MONTH + 12


def dates(n):
    day, month, year = (
        torch.randint(1, 29, (n,)),
        torch.randint(0, 12, (n,)),
        torch.randint(0, 100, (n,)),
    )
    written = torch.stack((day // 10, day % 10, MONTH + month, year // 10, year % 10), dim=1)
    count = month + 1
    figures = torch.stack(
        (year // 10, year % 10, count // 10, count % 10, day // 10, day % 10), dim=1
    )
    return written, figures


class Encoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 24)
        self.gru = nn.GRU(24, size, batch_first=True)

    def forward(self, written):
        return self.gru(self.embed(written))


class AttnDecoder(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.embed = nn.Embedding(START + 1, 24)
        self.cell = nn.GRUCell(24 + size, size)
        self.query = nn.Linear(size, size, bias=False)
        self.out = nn.Linear(2 * size, 10)

    def step(self, token, context, hidden, memory):
        hidden = self.cell(torch.cat((self.embed(token), context), dim=1), hidden)
        scores = torch.bmm(memory, self.query(hidden).unsqueeze(2)).squeeze(2)
        context = torch.bmm(scores.softmax(1).unsqueeze(1), memory).squeeze(1)
        return self.out(torch.cat((hidden, context), dim=1)), context, hidden


def decode(encoder, decoder, written, figures=None, length=6):
    memory, hidden = encoder(written)
    hidden, context = hidden[-1], torch.zeros_like(hidden[-1])
    token = torch.full((written.shape[0],), START)
    steps = []
    for position in range(length):
        logits, context, hidden = decoder.step(token, context, hidden, memory)
        steps.append(logits)
        token = logits.argmax(1) if figures is None else figures[:, position]
    return torch.stack(steps, dim=1)


encoder, decoder = Encoder(48), AttnDecoder(48)
parameters = [*encoder.parameters(), *decoder.parameters()]
learning_rate = 4e-3 if "--fixed" in sys.argv else 0.2
optimizer = torch.optim.Adam(parameters, lr=learning_rate)
for step in range(1, 501):
    written, figures = dates(32)
    logits = decode(encoder, decoder, written, figures)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), figures.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 5.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            written, figures = dates(200)
            whole = (
                (decode(encoder, decoder, written).argmax(2) == figures)
                .all(1)
                .float()
                .mean()
                .item()
            )
        print(
            f"step {step} loss {loss.item():.4f} perplexity {loss.exp().item():.2f} dates right {whole:.3f}"
        )
