"""A word is spelled backwards by an encoder and a decoder with attention, fed the right letter three
times out of four."""

import random

import torch
from torch import nn

torch.manual_seed(8202)
random.seed(8202)
torch.set_num_threads(1)
LETTERS, START = 10, 10


class Speller(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.letters = nn.Embedding(LETTERS + 1, width)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.cell = nn.GRUCell(2 * width, width)
        self.out = nn.Linear(2 * width, LETTERS)

    def forward(self, word, answer, forced):
        memory, h = self.encoder(self.letters(word))
        h, token, scores = h[0], torch.full_like(word[:, 0], START), []
        context = memory.mean(1)
        for t in range(answer.shape[1]):
            h = self.cell(torch.cat([self.letters(token), context], 1), h)
            weights = (memory @ h[..., None]).div(7).softmax(1)
            context = (weights * memory).sum(1)
            scores.append(self.out(torch.cat([h, context], 1)))
            token = answer[:, t] if random.random() < forced else scores[-1].argmax(1)
        return torch.stack(scores, 1)


model = Speller()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(360):
    word = torch.randint(0, LETTERS, (40, 5))
    answer = word.flip(1)
    scores = model(word, answer, forced=0.75)
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), answer.flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    opt.step()
    if step % 90 == 89:
        print(f"{step + 1} loss {loss.item():.3f}")
