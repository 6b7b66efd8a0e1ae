"""Spoken digits as thirteen cepstral coefficients to the frame; the first is the loudness."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1247)
torch.set_num_threads(1)
COEFFS, DIGITS = 13, 10
size_of = torch.tensor([180.0, 90, 60, 45, 40, 30, 30, 25, 25, 20, 20, 15, 15])
middle = torch.tensor([-420.0, 110, -35, 20, -15, 10, -10, 5, -5, 5, -5, 0, 0])
shape = torch.randn(DIGITS, 5, COEFFS)


class SpokenDigits(Dataset):
    def __init__(self, count, stats=None):
        self.digits = torch.randint(0, DIGITS, (count,))
        self.feats = [self.speak(int(d)) for d in self.digits]
        frames = torch.cat(self.feats)
        self.stats = stats or (frames.mean(0), frames.std(0))
        if "--fixed" in sys.argv:
            self.feats = [(f - self.stats[0]) / self.stats[1] for f in self.feats]

    def speak(self, digit):
        parts = torch.randint(3, 6, (5,))
        frames = shape[digit].repeat_interleave(parts, 0)
        voice = 0.7 * torch.randn(COEFFS)
        noise = 0.8 * torch.randn(len(frames), COEFFS)
        return middle + size_of * (0.8 * frames + voice + noise)

    def __len__(self):
        return len(self.digits)

    def __getitem__(self, i):
        return self.feats[i], self.digits[i]


def collate(batch):
    feats, digits = zip(*batch, strict=True)
    lengths = torch.tensor([len(f) for f in feats])
    return pad_sequence(feats, batch_first=True), lengths, torch.stack(digits)


class BasicLSTM(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.lstm = nn.LSTM(COEFFS, hidden, batch_first=True)
        self.out = nn.Linear(hidden, DIGITS)

    def forward(self, feats, lengths):
        packed = pack_padded_sequence(feats, lengths, batch_first=True, enforce_sorted=False)
        return self.out(self.lstm(packed)[1][0][-1])


train_set = SpokenDigits(1000)
train = DataLoader(train_set, batch_size=40, shuffle=True, collate_fn=collate)
test = next(iter(DataLoader(SpokenDigits(300, train_set.stats), 300, collate_fn=collate)))
model = BasicLSTM()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 15):
    total = 0.0
    for feats, lengths, digits in train:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(feats, lengths), digits)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        acc = (model(*test[:2]).argmax(1) == test[2]).float().mean().item()
    print(f"epoch {epoch:2d} loss {total:.4f} test acc {acc:.3f}")
