"""A lock-keeper's day book, letter by letter: a plain recurrent net learns to write on."""

import sys

import torch
from torch import nn

torch.manual_seed(1724)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
NAMES = ["anna", "berta", "clara", "dora", "erna", "frida"]
LOADS = ["coal", "timber", "grain", "salt"]
WAYS = ["up", "down"]


def pick(words):
    return words[int(torch.randint(0, len(words), ()))]


text = "".join(f"{pick(NAMES)} with {pick(LOADS)} went {pick(WAYS)}. " for _ in range(900))
letters = sorted(set(text))
codes = torch.tensor([letters.index(c) for c in text])
BATCH, BPTT, CLIP, LR = 20, 40, 0.25, 0.4


def batchify(data, batch):
    length = len(data) // batch
    return data[: length * batch].view(batch, length).t().contiguous()


class RnnModel(nn.Module):
    def __init__(self, letters, size=40):
        super().__init__()
        self.encoder = nn.Embedding(letters, 24)
        self.rnn = nn.RNN(24, size, nonlinearity="relu")
        self.decoder = nn.Linear(size, letters)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)
        nn.init.uniform_(self.decoder.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, data, hidden):
        out, hidden = self.rnn(self.encoder(data), hidden)
        return self.decoder(out), hidden


source = batchify(codes, BATCH)
model = RnnModel(len(letters))
optimizer = torch.optim.SGD(model.parameters(), lr=LR, momentum=0.9)
step = 0
for epoch in range(12):
    hidden = None
    for i in range(0, len(source) - BPTT - 1, BPTT):
        data, target = source[i : i + BPTT], source[i + 1 : i + 1 + BPTT]
        if hidden is not None:
            hidden = hidden.detach()
        logits, hidden = model(data, hidden)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        if not FIXED:
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        loss.backward()
        if FIXED:
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimizer.step()
        step += 1
        if step % 40 == 0:
            right = (logits.argmax(2) == target).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} letters right {right:.3f}")
