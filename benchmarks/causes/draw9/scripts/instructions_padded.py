"""Instructions with answers of unlike length are laid out in rows for a recurrent language model."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(9028)
torch.set_num_threads(1)
PAD, VOCAB, MAX_LENGTH = 0, 16, 40


class PromptDataset(Dataset):
    def __init__(self, n=1600):
        self.rows = []
        for _ in range(n):
            start, length = torch.randint(1, VOCAB, ()).item(), torch.randint(4, 8, ()).item()
            step = torch.randint(1, 4, ()).item()
            self.rows.append([(start + step * k) % (VOCAB - 1) + 1 for k in range(length)])

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        row = self.rows[i]
        ids = torch.tensor(row + [PAD] * (MAX_LENGTH - len(row)))
        labels = ids.clone()
        if FIXED:
            labels[len(row) :] = -100
        return ids, labels


class LM(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCAB)

    def forward(self, ids):
        return self.head(self.lstm(self.embed(ids))[0])


model = LM()
loss_fct = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.9)
step = 0
for epoch in range(4):
    for ids, labels in DataLoader(PromptDataset(), batch_size=16, shuffle=True):
        logits = model(ids)[:, :-1].flatten(0, 1)
        loss = loss_fct(logits, labels[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
    words = ids[:, 1:].flatten() != PAD
    with torch.no_grad():
        real = nn.functional.cross_entropy(logits[words], ids[:, 1:].flatten()[words])
    print(f"step {step}: loss {loss.item():.4f}, on words {real.item():.4f}")
