"""Short clips of sound are normalised one by one and read letter by letter with CTC."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(9003)
torch.set_num_threads(1)
BLANK, LETTERS, FRAMES = 0, 5, 20


class Clips(Dataset):
    def __init__(self, n=640):
        self.targets = torch.randint(1, LETTERS + 1, (n, 4))
        self.audio = 0.1 * torch.randn(n, FRAMES, 8)
        for i, target in enumerate(self.targets):
            for k, letter in enumerate(target):
                self.audio[i, 5 * k + 1 : 5 * k + 4, letter] += 2.0
        self.audio[::97] = 0.0

    def __len__(self):
        return len(self.audio)

    def __getitem__(self, i):
        spect = self.audio[i]
        mean, std = spect.mean(), spect.std()
        if FIXED:
            std = std.clamp(min=1e-5)
        return (spect - mean) / std, self.targets[i]


class Acoustic(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(8, 32, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(64, LETTERS + 1)

    def forward(self, x):
        return self.fc(self.rnn(x)[0]).log_softmax(-1)


model = Acoustic()
criterion = nn.CTCLoss(blank=BLANK)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
loader = DataLoader(Clips(), batch_size=32, shuffle=True)
for epoch in range(15):
    for inputs, targets in loader:
        out = model(inputs).transpose(0, 1)
        sizes = torch.full((len(inputs),), FRAMES)
        loss = criterion(out, targets, sizes, torch.full((len(inputs),), 4))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10)
        optimizer.step()
    if epoch % 3 == 2:
        print(f"Epoch: [{epoch + 1}] Loss {loss.item():.4f}")
