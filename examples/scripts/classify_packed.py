"""Many-to-one: the general category of a character from its Unicode name, letter by letter.

Names have different lengths, so the batches are packed.
"""

import sys
import unicodedata

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, random_split

LETTERS = " -0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ()"


class NameClassifier(nn.Module):
    def __init__(self, classes, hidden=64):
        super().__init__()
        self.embedding = nn.Embedding(len(LETTERS) + 1, 16, padding_idx=0)
        self.gru = nn.GRU(16, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, classes)

    def forward(self, names, lengths):
        packed = pack_padded_sequence(
            self.embedding(names), lengths, batch_first=True, enforce_sorted=False
        )
        _, last = self.gru(packed)
        return self.out(torch.cat([last[0], last[1]], dim=1))


def collate(batch):
    names, labels = zip(*batch)
    lengths = torch.tensor([len(n) for n in names])
    return pad_sequence(names, batch_first=True), lengths, torch.tensor(labels)


def load():
    chars = [chr(i) for i in range(0x30000) if unicodedata.name(chr(i), "")]
    chars = [c for c in chars if "IDEOGRAPH" not in unicodedata.name(c)][::3]
    classes = sorted({unicodedata.category(c) for c in chars})
    data = []
    for c in chars:
        name = torch.tensor([LETTERS.index(x) + 1 for x in unicodedata.name(c)])
        data.append((name, classes.index(unicodedata.category(c))))
    return data, classes


if __name__ == "__main__":
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    torch.manual_seed(0)
    data, classes = load()
    train, test = random_split(data, [0.9, 0.1])
    print(len(train), "names to learn,", len(classes), "categories")
    model = NameClassifier(len(classes))
    opt = torch.optim.AdamW(model.parameters(), lr=2e-3)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 5e-3, total_steps=steps)
    step = 0
    while step < steps:
        for names, lengths, labels in DataLoader(train, 64, shuffle=True, collate_fn=collate):
            loss = nn.functional.cross_entropy(model(names, lengths), labels)
            opt.zero_grad()
            loss.backward()
            opt.step()
            sched.step()
            step += 1
            if step % 100 == 0:
                print(f"step {step}  loss {loss.item():.3f}")
            if step >= steps:
                break
    model.eval()
    right = total = 0
    with torch.no_grad():
        for names, lengths, labels in DataLoader(test, 256, collate_fn=collate):
            right += (model(names, lengths).argmax(1) == labels).sum().item()
            total += len(labels)
    print(f"test accuracy {right / total:.3f}")
