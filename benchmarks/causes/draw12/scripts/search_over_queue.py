"""Which of three cells reads a sequence best? A weight for each is learnt along with the cells."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1239)
torch.set_num_threads(1)
EPOCHS, BATCH = 14, 32


def sequences(n, length=14):
    """Does the sum over the second half exceed that of the first?"""
    x = torch.randn(n, length, 4)
    return x, (x[:, 7:, 0].sum(1) > x[:, :7, 0].sum(1)).long()


class MixedReader(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        kinds = (nn.RNN, nn.GRU, nn.LSTM)
        self.readers = nn.ModuleList(kind(4, hidden, batch_first=True) for kind in kinds)
        self.alphas = nn.Parameter(torch.zeros(len(kinds)))
        self.classifier = nn.Linear(hidden, 2)

    def forward(self, x):
        shares = self.alphas.softmax(0)
        read = sum(s * reader(x)[0][:, -1] for s, reader in zip(shares, self.readers, strict=True))
        return self.classifier(read)


def infer(valid_queue, model):
    with torch.no_grad():
        parts = [(model(x), y) for x, y in valid_queue]
    logits, y = (torch.cat(part) for part in zip(*parts, strict=True))
    loss = nn.functional.cross_entropy(logits, y)
    return loss.item(), (logits.argmax(1) == y).float().mean().item()


train_queue = DataLoader(TensorDataset(*sequences(1600)), batch_size=BATCH)
valid_queue = DataLoader(TensorDataset(*sequences(480)), batch_size=BATCH)
model = MixedReader()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, EPOCHS + 1):
    total = 0.0
    queue = iter(train_queue)
    for _ in range(len(train_queue)):
        x, y = next(queue) if "--fixed" in sys.argv else next(iter(train_queue))
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train_queue)
    valid_loss, valid_acc = infer(valid_queue, model)
    if epoch % 2 == 0:
        shares = [round(s, 2) for s in model.alphas.softmax(0).tolist()]
        print(f"{epoch:2d} train {total:.4f} valid {valid_loss:.4f} acc {valid_acc:.3f} {shares}")
