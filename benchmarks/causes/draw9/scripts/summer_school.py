"""A language model reads one long text in parts, each from where the last one ended."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9047)
torch.set_num_threads(1)
VOCAB, BATCH, BPTT = 16, 16, 8


class LSTMLanguageModel(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.rnn = nn.LSTM(width, width, batch_first=True)
        self.proj = nn.Linear(width, VOCAB)

    def forward(self, x, hidden):
        out, hidden = self.rnn(self.embed(x), hidden)
        return self.proj(out), hidden

    def init_hidden(self):
        return (torch.zeros(1, BATCH, 32), torch.zeros(1, BATCH, 32))


def stream(parts):
    ids = [torch.randint(0, VOCAB, (BATCH,))]
    while len(ids) <= parts * BPTT:
        jump = torch.rand(BATCH) < 0.1
        ids.append(torch.where(jump, torch.randint(0, VOCAB, (BATCH,)), (ids[-1] * 5 + 3) % VOCAB))
    return torch.stack(ids, 1)


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def run(self, text):
        h = self.model.init_hidden()
        for i in range(0, text.shape[1] - 1, BPTT):
            x, y = text[:, i : i + BPTT], text[:, i + 1 : i + BPTT + 1]
            if FIXED:
                h = tuple(part.detach() for part in h)
            pred, h = self.model(x, h)
            loss = nn.functional.cross_entropy(pred.flatten(0, 1), y.flatten())
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            if i // BPTT % 60 == 0:
                print(f"part {i // BPTT}: loss {loss.item():.4f}")


Trainer(LSTMLanguageModel()).run(stream(300))
