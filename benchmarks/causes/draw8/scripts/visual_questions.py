"""A question in words about a picture in numbers; both are fused and one of six answers is chosen."""

import sys

import torch
import torch.nn.functional as F
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8113)
torch.set_num_threads(1)


class Fusion(nn.Module):
    def __init__(self, words=12, width=32):
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, num_layers=1, batch_first=FIXED)
        self.visual = nn.Linear(6, width)
        self.answer = nn.Sequential(nn.Linear(2 * width, 48), nn.ReLU(), nn.Linear(48, 6))

    def forward(self, picture, question):
        output, _ = self.lstm(self.embedding(question))
        asked = output[:, -1]
        return self.answer(torch.cat([asked, self.visual(picture)], 1))


class Batches:
    def __len__(self):
        return 320

    def __iter__(self):
        for _ in range(len(self)):
            question = torch.randint(0, 12, (40, 6))
            object_ = torch.randint(0, 2, (40,))
            answer = (question[:, 1] % 3) * 2 + object_
            yield F.one_hot(object_, 6).float(), question, answer


model = Fusion()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for i, (picture, question, answer) in enumerate(Batches()):
    loss = F.cross_entropy(model(picture, question), answer)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 80 == 79:
        print(f"batch {i + 1} loss {loss.item():.3f}")
