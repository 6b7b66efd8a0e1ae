"""Good or bad: a two-layer LSTM reads what guests wrote of an inn, where "not" turns the next words round."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1619)
torch.set_num_threads(1)
WORDS, LENGTH, NOT = 60, 16, 0


class Reviews(Dataset):
    def __init__(self, size, charm):
        self.text = torch.randint(1, WORDS, (size, LENGTH))
        negated = torch.rand(size, LENGTH) < 0.15
        self.text[negated] = NOT
        turned = torch.zeros(size)
        mood = torch.zeros(size)
        for step in range(LENGTH):
            word = self.text[:, step]
            sign = torch.where(turned > 0, -1.0, 1.0)
            mood += sign * charm[word]
            turned = torch.where(word == NOT, torch.full_like(turned, 3), turned - 1)
        self.label = (mood > 0).float()

    def __len__(self):
        return len(self.text)

    def __getitem__(self, index):
        return self.text[index], self.label[index]


class ReviewNet(nn.Module):
    def __init__(self, size=LENGTH):
        super().__init__()
        self.encoder = nn.Embedding(WORDS, 24)
        self.rnn = nn.LSTM(24, size, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(size, 1)

    def forward(self, inputs):
        encoded = self.encoder(inputs)
        output, _ = self.rnn(encoded)
        if "--fixed" in sys.argv:
            return self.decoder(output[:, -1, :]).squeeze(1)
        return self.decoder(output[:, :, -1]).squeeze(1)


def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total, hits = 0.0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for text, label in loader:
            logits = model(text)
            loss = criterion(logits, label)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(label)
            hits += ((logits > 0) == (label > 0)).sum().item()
    return total / len(loader.dataset), hits / len(loader.dataset)


charm = torch.randn(WORDS)
charm[NOT] = 0
train = DataLoader(Reviews(3200, charm), batch_size=40, shuffle=True)
test = DataLoader(Reviews(600, charm), batch_size=200)
model = ReviewNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 9):
    loss, right = run_epoch(model, train, criterion, optimizer)
    test_loss, test_right = run_epoch(model, test, criterion)
    print(f"epoch {epoch} loss {loss:.4f} right {right:.3f} | test loss {test_loss:.4f} right {test_right:.3f}")
