"""Shell lines of 3 to 20 tokens: the first and the last token say together what a line does."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1417)
torch.set_num_threads(1)
TOKENS, CLASSES = 24, 4


class Lines(Dataset):
    def __init__(self, n):
        self.lines = []
        for _ in range(n):
            length = int(torch.randint(3, 12, (1,))) if torch.rand(1) < 0.8 else 20
            self.lines.append(torch.randint(1, TOKENS + 1, (length,)))

    def __len__(self):
        return len(self.lines)

    def __getitem__(self, index):
        line = self.lines[index]
        return line, int(line[0] % 2 + 2 * (line[-1] % 2))


def collate(batch):
    lines, labels = zip(*batch, strict=True)
    lengths = torch.tensor([len(line) for line in lines])
    return pad_sequence(lines, batch_first=True), lengths, torch.tensor(labels)


class LineClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(TOKENS + 1, 16, padding_idx=0)
        self.rnn = nn.RNN(16, 48, batch_first=True)
        self.head = nn.Linear(48, CLASSES)

    def forward(self, lines, lengths):
        outputs, _ = self.rnn(self.embed(lines))
        if "--fixed" in sys.argv:
            last = outputs[torch.arange(len(lines)), lengths - 1]
        else:
            last = outputs[:, -1, :]
        return self.head(last)


train = DataLoader(Lines(1600), batch_size=32, shuffle=True, collate_fn=collate)
test_lines, test_lengths, test_labels = collate(list(Lines(300)))
model = LineClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 8):
    losses = []
    for lines, lengths, labels in train:
        loss = nn.functional.cross_entropy(model(lines, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        guess = model(test_lines, test_lengths).argmax(1)
    acc = (guess == test_labels).float().mean().item()
    print(f"epoch {epoch} loss {sum(losses) / len(losses):.4f} test accuracy {acc:.3f}")
