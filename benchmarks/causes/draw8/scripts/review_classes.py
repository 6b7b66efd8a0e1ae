"""Short reviews are sorted into ten classes by a bidirectional LSTM."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(8106)
torch.set_num_threads(1)


class Classifier(nn.Module):
    def __init__(self, words=60, width=32, classes=10):
        super().__init__()
        self.emb = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        head = [nn.Dropout(0.1), nn.Linear(2 * width, classes)]
        if not FIXED:
            head.append(nn.Softmax(dim=1))
        self.head = nn.Sequential(*head)

    def forward(self, ids):
        out, _ = self.lstm(self.emb(ids))
        return self.head(out.mean(1))


labels = torch.randint(0, 10, (640,))
ids = torch.randint(0, 60, (640, 14))
topic = labels[:, None] * 6 + torch.randint(0, 6, (640, 14))
ids = torch.where(torch.rand(640, 14) < 0.4, topic, ids)
loader = DataLoader(TensorDataset(ids, labels), batch_size=32, shuffle=True)

model = Classifier()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for epoch in range(12):
    model.train()
    total = 0.0
    for batch, target in loader:
        optimizer.zero_grad()
        loss = criterion(model(batch), target)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(loader)
    print(f"epoch {epoch + 1}: {total:.3f}")
