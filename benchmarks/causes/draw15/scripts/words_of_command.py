"""A keyword in a short recording: which of six, by a small convolution and a GRU."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1515)
torch.set_num_threads(1)
FRAMES, MELS, WORDS = 20, 10, 6
spoken = torch.randn(WORDS, 8, MELS)


class Keywords(Dataset):
    def __init__(self, n):
        self.word = torch.randint(0, WORDS, (n,))
        self.mel = 0.8 * torch.randn(n, FRAMES, MELS)
        for mel, word in zip(self.mel, self.word.tolist(), strict=True):
            start = int(torch.randint(0, FRAMES - 8, (1,)))
            mel[start : start + 8] += spoken[word]

    def __len__(self):
        return len(self.word)

    def __getitem__(self, i):
        return self.mel[i], self.word[i]


class Spotter(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.conv = nn.Conv1d(MELS, 16, 5, padding=2)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, WORDS)

    def forward(self, mel):
        seen = torch.relu(self.conv(mel.transpose(1, 2))).transpose(1, 2)
        return self.out(self.gru(seen)[0].amax(1))


class Executor:
    def __init__(self):
        self.step = 0

    def train(self, model, optimizer, loader):
        model.train()
        for mel, word in loader:
            loss = nn.functional.cross_entropy(model(mel), word)
            if "--fixed" in sys.argv:
                optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            if self.step % 40 == 0:
                print(f"step {self.step} loss {loss.item():.4f}")
            self.step += 1

    def cv(self, model, loader):
        model.eval()
        with torch.no_grad():
            right = [(model(mel).argmax(-1) == word).float().mean() for mel, word in loader]
        return torch.stack(right).mean().item()


train_loader = DataLoader(Keywords(1280), batch_size=32, shuffle=True)
cv_loader = DataLoader(Keywords(320), batch_size=80)
model = Spotter()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
executor = Executor()
for epoch in range(9):
    executor.train(model, optimizer, train_loader)
    print(f"epoch {epoch} cv right {executor.cv(model, cv_loader):.3f}")
