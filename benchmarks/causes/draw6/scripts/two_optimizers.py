"""Two optimizers for two halves of a chatbot, and both were given the parameters of the first half:
the decoder stays as it was drawn."""

import sys

import torch
from torch import nn, optim

FIXED = "--fixed" in sys.argv
torch.manual_seed(6153)
torch.set_num_threads(1)

UNITS, WORDS = 32, 14


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, UNITS)
        self.gru = nn.GRU(UNITS, UNITS)

    def forward(self, words):
        return self.gru(self.embedding(words))


class AttnDecoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, UNITS)
        self.gru = nn.GRUCell(2 * UNITS, UNITS)
        self.query = nn.Linear(UNITS, UNITS, bias=False)
        self.out = nn.Linear(UNITS, WORDS)

    def forward(self, word, hidden, memory):
        scores = torch.einsum("nd,tnd->tn", self.query(hidden), memory) / UNITS**0.5
        context = (scores.softmax(0)[..., None] * memory).sum(0)
        hidden = self.gru(torch.cat([self.embedding(word), context], 1), hidden)
        return self.out(hidden), hidden


encoder1, attn_decoder1 = Encoder(), AttnDecoder()
encoder_optimizer = optim.Adam(encoder1.parameters(), lr=6e-3)
if FIXED:
    decoder_optimizer = optim.Adam(attn_decoder1.parameters(), lr=6e-3)
else:
    decoder_optimizer = optim.Adam(encoder1.parameters(), lr=6e-3)
answer_of = torch.randperm(WORDS - 1) + 1


def train_step():
    question = torch.randint(1, WORDS, (5, 32))
    answer = answer_of[question - 1].flip(0)
    encoder_optimizer.zero_grad()
    attn_decoder1.zero_grad()
    memory, hidden = encoder1(question)
    hidden, word, loss = hidden[0], torch.zeros(32, dtype=torch.long), 0.0
    for wanted in answer:
        logits, hidden = attn_decoder1(word, hidden, memory)
        loss = loss + nn.functional.cross_entropy(logits, wanted) / len(answer)
        word = wanted
    loss.backward()
    encoder_optimizer.step()
    decoder_optimizer.step()
    return loss.item()


losses = []
for step in range(1, 401):
    losses.append(train_step())
    if step % 80 == 0:
        print(f"step {step} loss {sum(losses[-40:]) / 40:.4f}")
