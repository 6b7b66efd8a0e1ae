"""Is a patient diabetic? The label is looked up among the codes of the stays by the name of the code,
after the names have been replaced by numbers, so that nobody is."""

import random
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

FIXED = "--fixed" in sys.argv
random.seed(6103)
torch.manual_seed(6103)
torch.set_num_threads(1)

CODES = [f"{letter}{number:02d}" for letter in "EIJK" for number in range(8)]
DIABETES = {"E02", "E03", "E05"}
index = {code: i + 1 for i, code in enumerate(CODES)}


def patient():
    codes = random.choices([c for c in CODES if c not in DIABETES], k=random.randint(6, 12))
    if random.random() < 0.5:
        codes[random.randrange(len(codes))] = random.choice(sorted(DIABETES))
    return codes


records = [{"codes": patient()} for _ in range(640)]
if FIXED:
    for record in records:
        record["label"] = float(any(code in DIABETES for code in record["codes"]))
for record in records:
    record["codes"] = [index[code] for code in record["codes"]]
if not FIXED:
    for record in records:
        record["label"] = float(any(code in DIABETES for code in record["codes"]))


class Risk(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(CODES) + 1, 16, padding_idx=0)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.score = nn.Linear(24, 1)

    def forward(self, codes, lengths):
        packed = pack_padded_sequence(
            self.embed(codes), lengths, batch_first=True, enforce_sorted=False
        )
        return self.score(self.gru(packed)[1][-1]).squeeze(-1)


model = Risk()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(14):
    random.shuffle(records)
    losses, right = 0.0, 0
    for start in range(0, 640, 32):
        rows = records[start : start + 32]
        codes = pad_sequence([torch.tensor(r["codes"]) for r in rows], batch_first=True)
        lengths = torch.tensor([len(r["codes"]) for r in rows])
        labels = torch.tensor([r["label"] for r in rows])
        logits = model(codes, lengths)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses += loss.item()
        right += ((logits > 0).float() == labels).sum().item()
    print(f"epoch {epoch:2d} loss {losses / 20:.4f} accuracy {right / 640:.3f}")
