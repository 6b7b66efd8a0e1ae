"""Each utterance was filled with silence to the length of the longest, and the error of the
silent frames went into the mean like that of real ones."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(402)
torch.set_num_threads(1)
N_MEL, MAX_LEN = 12, 60
voices = torch.randn(6, N_MEL)


class Utterances(Dataset):
    def __init__(self, count):
        g = torch.Generator().manual_seed(3)
        self.items = []
        for _ in range(count):
            length = int(torch.randint(6, 14, (1,), generator=g))
            phones = torch.randint(0, 6, (length,), generator=g)
            pitch = torch.rand(1, generator=g) + 0.5
            mel = voices[phones] * pitch + 2.0
            self.items.append((phones, mel))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    phones = torch.zeros(len(items), MAX_LEN, dtype=torch.long)
    mels = torch.zeros(len(items), MAX_LEN, N_MEL)
    lengths = torch.tensor([len(p) for p, _ in items])
    for row, (p, m) in enumerate(items):
        phones[row, : len(p)], mels[row, : len(p)] = p, m
    return phones, mels, lengths


class Synthesiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(6, 16)
        self.lstm = nn.LSTM(16 + N_MEL, 48, batch_first=True)
        self.proj = nn.Linear(48, N_MEL)

    def forward(self, phones, mels):
        previous = torch.cat([torch.zeros_like(mels[:, :1]), mels[:, :-1]], 1)
        return self.proj(self.lstm(torch.cat([self.emb(phones), previous], -1))[0])


def masked_error(guess, mels, lengths):
    mask = (torch.arange(MAX_LEN)[None] < lengths[:, None]).unsqueeze(-1).expand_as(mels)
    return (guess - mels).pow(2)[mask].mean()


model = Synthesiser()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3, betas=(0.9, 0.98))
loader = DataLoader(Utterances(320), batch_size=16, shuffle=True, collate_fn=collate)
for epoch in range(12):
    shown = 0.0
    for phones, mels, lengths in loader:
        guess = model(phones, mels)
        loss = masked_error(guess, mels, lengths) if FIXED else nn.MSELoss()(guess, mels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shown += masked_error(guess.detach(), mels, lengths).item()
    print(f"epoch {epoch} loss {loss.item():.4f} error of real frames {shown / len(loader):.4f}")
