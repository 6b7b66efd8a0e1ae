"""Which of five tongues a word is from, by its letters; judged with means of the weights."""

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(14102)
torch.set_num_threads(1)
TONGUES, LETTERS, LENGTH = 5, 20, 10


class Words(Dataset):
    """Each tongue has letter pairs of its own: after a letter comes one of three."""

    def __init__(self, n, rules):
        self.tongue = torch.randint(TONGUES, (n,))
        letters = [torch.randint(LETTERS, (n,))]
        for _ in range(LENGTH - 1):
            after = rules[self.tongue, letters[-1]]
            letters.append(after[torch.arange(n), torch.randint(3, (n,))])
        self.letters = torch.stack(letters, dim=1)

    def __len__(self):
        return len(self.tongue)

    def __getitem__(self, i):
        return self.letters[i], self.tongue[i]


class TongueNet(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, 16)
        self.lstm = nn.LSTM(16, size, batch_first=True)
        self.head = nn.Linear(size, TONGUES)

    def forward(self, letters):
        return self.head(self.lstm(self.embed(letters))[0].mean(dim=1))


@torch.no_grad()
def follow(mean_model, model, decay=0.98):
    for kept, new in zip(mean_model.parameters(), model.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)


@torch.no_grad()
def accuracy(model, loader):
    return sum((model(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)


rules = torch.randint(LETTERS, (TONGUES, LETTERS, 3))
train_loader = DataLoader(Words(1920, rules), batch_size=32, shuffle=True)
val_loader = DataLoader(Words(384, rules), batch_size=64)
model = TongueNet()
mean_model = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    total = 0.0
    for letters, tongue in train_loader:
        loss = criterion(model(letters), tongue)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        follow(mean_model, model)
        total += loss.item()
    print(
        f"epoch {epoch} loss {total / len(train_loader):.3f} "
        f"val of the mean weights {accuracy(mean_model, val_loader):.3f}"
    )
