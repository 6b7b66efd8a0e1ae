"""From the column counts of reads around a place in a genome the pair of bases there is called."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(14107)
torch.set_num_threads(1)
PAIRS = [(a, b) for a in range(4) for b in range(a, 4)]
WINDOW, DEPTH = 11, 24


class Pileups(Dataset):
    """Shares of the four bases in each column, and the share of the reads on the first strand."""

    def __init__(self, n):
        reference = torch.randint(0, 4, (n, WINDOW))
        self.label = torch.randint(0, len(PAIRS), (n,))
        odds = 0.04 + 0.88 * nn.functional.one_hot(reference, 4).float()
        pair = torch.tensor(PAIRS)[self.label]
        middle = nn.functional.one_hot(pair, 4).float().mean(1)
        odds[:, WINDOW // 2] = 0.04 + 0.84 * middle
        reads = torch.multinomial(odds.flatten(0, 1), DEPTH, replacement=True)
        counts = nn.functional.one_hot(reads, 4).float().mean(1).view(n, WINDOW, 4)
        strand = 0.5 + 0.1 * torch.randn(n, WINDOW, 1)
        self.columns = torch.cat([counts, strand], -1)

    def __len__(self):
        return len(self.label)

    def __getitem__(self, index):
        return self.columns[index], self.label[index]


class VariantCaller(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.rnn = nn.GRU(5, hidden, num_layers=2, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(2 * hidden, len(PAIRS))

    def forward(self, columns):
        encoding, _ = self.rnn(columns)
        scores = self.classifier(encoding[:, WINDOW // 2])
        return scores if "--fixed" in sys.argv else torch.softmax(scores, dim=1)


train = DataLoader(Pileups(1600), batch_size=32, shuffle=True)
test = Pileups(500)
caller = VariantCaller()
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(caller.parameters(), lr=0.1, momentum=0.9)
for epoch in range(1, 11):
    running = 0.0
    for columns, label in train:
        loss = loss_fn(caller(columns), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() / len(train)
    with torch.no_grad():
        called = caller(test.columns).argmax(1)
        right = (called == test.label).float().mean().item()
    print(f"epoch {epoch} loss {running:.4f} called right {right:.3f}")
