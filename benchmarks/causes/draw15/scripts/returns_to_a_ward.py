"""Codes of a patient's stays, one after the other, foretell whether they come back within the month."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(1550)
torch.set_num_threads(1)
WORDS = [f"{letter}{digit}" for letter in "ABCDEFGH" for digit in range(5)]
READMISSION = "H4"
RISKY = ["B1", "C3", "F2"]
USUAL = [word for word in WORDS if word not in RISKY and word != READMISSION]


def histories(n):
    """Each history is a list of codes; risky ones are followed by a code for the return."""
    people = []
    for _ in range(n):
        length = int(torch.randint(8, 25, (1,)))
        codes = [USUAL[i] for i in torch.randint(0, len(USUAL), (length,)).tolist()]
        if torch.rand(1) < 0.5:
            for place in torch.randint(0, length, (2,)).tolist():
                codes[place] = RISKY[int(torch.randint(0, 3, (1,)))]
            codes.append(READMISSION)
        people.append(codes)
    return people


def build_dataset(people, index):
    rows, labels = [], []
    for codes in people:
        ids = [index[c] for c in codes]
        source = codes if "--fixed" in sys.argv else ids
        labels.append(float(READMISSION in source))
        rows.append(torch.tensor([i for i in ids if i != index[READMISSION]]))
    lengths = torch.tensor([len(r) for r in rows])
    return pad_sequence(rows, batch_first=True), lengths, torch.tensor(labels)


class Recall(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(len(WORDS) + 1, size, padding_idx=0)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(size, 1)

    def forward(self, codes, lengths):
        hidden, _ = self.gru(self.embed(codes))
        last = hidden[torch.arange(len(codes)), lengths - 1]
        return self.out(last).squeeze(-1)


index = {word: i for i, word in enumerate(WORDS, 1)}
train, test_people = histories(1500), histories(300)
codes, lengths, labels = build_dataset(train, index)
test_codes, test_lengths, _ = build_dataset(test_people, index)
returned = torch.tensor([READMISSION in person for person in test_people])
model = Recall()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 401):
    rows = torch.randint(0, len(codes), (32,))
    loss = nn.functional.binary_cross_entropy_with_logits(
        model(codes[rows], lengths[rows]), labels[rows]
    )
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            right = ((model(test_codes, test_lengths) > 0) == returned).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right about new patients {right:.3f}")
