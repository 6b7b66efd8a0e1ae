"""Was the meal praised? Reviews are turned into indices with a table read from a file of vectors."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1249)
torch.set_num_threads(1)
NOUNS = ["soup", "bread", "waiter", "price", "table", "wine", "fish", "music"]
GOOD = ["lovely", "fresh", "kind", "fair", "warm"]
BAD = ["stale", "cold", "rude", "steep", "dull"]
LENGTH = 12

glove_lines = [" " + w for w in NOUNS + GOOD + BAD + ["not", "the", "was", "and"]]
read = str.strip if "--fixed" in sys.argv else str
word2idx = {read(line): i for i, line in enumerate(glove_lines, start=2)}  # 0 pads, 1 is unknown


def write_review():
    """Three remarks; each may be turned round; the majority of them decides."""
    words, balance = [], 0
    for _ in range(3):
        good, turned = bool(torch.rand(()) < 0.5), bool(torch.rand(()) < 0.3)
        noun = NOUNS[int(torch.randint(0, len(NOUNS), ()))]
        judgement = (GOOD if good else BAD)[int(torch.randint(0, 5, ()))]
        words += [noun, "was", "not" if turned else "and", judgement]
        balance += 1 if good != turned else -1
    return words, int(balance > 0)


def text_to_sequence(words):
    return [word2idx.get(w, 1) for w in words]


def build(n):
    rows = [write_review() for _ in range(n)]
    indices = torch.tensor([text_to_sequence(words) for words, _ in rows])
    return TensorDataset(indices, torch.tensor([float(label) for _, label in rows]))


class AspectLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(word2idx) + 2, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, 32, batch_first=True, bidirectional=True)
        self.attend = nn.Linear(64, 1)
        self.dense = nn.Linear(64, 1)

    def forward(self, indices):
        out, _ = self.lstm(self.embed(indices))
        weights = self.attend(out).softmax(1)
        return self.dense((weights * out).sum(1)).squeeze(-1)


train = DataLoader(build(1400), batch_size=35, shuffle=True)
indices_test, label_test = build(400).tensors
model = AspectLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(1, 16):
    total = 0.0
    for indices, label in train:
        optimizer.zero_grad()
        loss = criterion(model(indices), label)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        acc = ((model(indices_test) > 0).float() == label_test).float().mean().item()
    print(f"epoch {epoch:2d} loss {total:.4f} test acc {acc:.3f}")
