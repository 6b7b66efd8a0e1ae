"""A small picture of a row of blobs is written down as a formula, token by token, by a GRU decoder."""

import sys

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(163609)
torch.set_num_threads(1)
PAD, BOS, EOS, VOCAB, MAX_LEN, WIDE = 0, 1, 2, 9, 28, 20
GLYPHS = torch.rand(VOCAB, 6, 4)


class Formulas(Dataset):
    """Two to five glyphs beside each other; most rows of a batch are far shorter than the longest formula."""

    def __init__(self, n):
        self.items = []
        for _ in range(n):
            formula = torch.randint(3, VOCAB, (int(torch.randint(2, 6, (1,))),))
            picture = 0.1 * torch.rand(6, WIDE)
            for place, token in enumerate(formula):
                picture[:, 4 * place : 4 * place + 4] += GLYPHS[token]
            tokens = torch.full((MAX_LEN,), PAD)
            tokens[0], tokens[1 : len(formula) + 1] = BOS, formula
            tokens[len(formula) + 1] = EOS
            self.items.append((picture, tokens))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Reader(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv1d(6, 24, 4, stride=4), nn.ReLU(), nn.Flatten())
        self.bridge = nn.Linear(24 * (WIDE // 4), size)
        self.embed = nn.Embedding(VOCAB, 16, padding_idx=PAD)
        self.gru = nn.GRU(16 + size, size, batch_first=True)
        self.out = nn.Linear(size, VOCAB)

    def forward(self, picture, tokens):
        seen = torch.tanh(self.bridge(self.encoder(picture)))
        given = seen.unsqueeze(1).expand(-1, tokens.shape[1], -1)
        states, _ = self.gru(torch.cat([self.embed(tokens), given], dim=-1), seen.unsqueeze(0))
        return self.out(states)


def loss_fn(logits, target):
    if "--fixed" in sys.argv:
        return F.cross_entropy(logits.transpose(1, 2), target, ignore_index=PAD)
    return F.cross_entropy(logits.transpose(1, 2), target)


loader = DataLoader(Formulas(1536), batch_size=32, shuffle=True)
test_picture, test_tokens = next(iter(DataLoader(Formulas(200), batch_size=200)))
model = Reader()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(1, 9):
    total = 0.0
    for picture, tokens in loader:
        loss = loss_fn(model(picture, tokens[:, :-1]), tokens[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        guess = model(test_picture, test_tokens[:, :-1]).argmax(-1)
    target = test_tokens[:, 1:]
    right = guess == target
    print(
        f"epoch {epoch} loss {total:.4f} glyphs right {right[target > EOS].float().mean():.3f} "
        f"ends right {right[target == EOS].float().mean():.3f}"
    )
