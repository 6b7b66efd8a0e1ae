"""The data set handed the same padded letters out as input and as what is to be predicted, in the
belief that the model would move them by one."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(5108)
torch.set_num_threads(1)


class Chains(Dataset):
    def __init__(self, n=800):
        generator = torch.Generator().manual_seed(8)
        self.rows = []
        for _ in range(n):
            length = int(torch.randint(14, 22, (1,), generator=generator))
            row = [1, 2]
            while len(row) < length:
                noise = int(torch.rand(1, generator=generator) < 0.15)
                row.append(1 + (row[-1] * 3 + row[-2] + noise * 5) % 20)
            self.rows.append(torch.tensor(row))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        row = self.rows[i]
        return (row[:-1], row[1:]) if FIXED else (row, row)


def collate(rows):
    inputs, targets = zip(*rows)
    return pad_sequence(inputs, True, 0), pad_sequence(targets, True, -1)


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(21, 24, padding_idx=0)
        self.lstm = nn.LSTM(24, 48, batch_first=True)
        self.decoder = nn.Linear(48, 21)

    def forward(self, x):
        return self.decoder(self.lstm(self.embed(x))[0])


model = LanguageModel()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
loader = DataLoader(Chains(), batch_size=32, shuffle=True, collate_fn=collate)
for epoch in range(16):
    for inputs, targets in loader:
        loss = nn.functional.cross_entropy(model(inputs).transpose(1, 2), targets, ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: perplexity {loss.exp().item():.3f}")
prompt = torch.tensor([[1, 2]])
for _ in range(10):
    prompt = torch.cat([prompt, model(prompt)[:, -1:].argmax(-1)], 1)
print("sample", prompt[0].tolist())
