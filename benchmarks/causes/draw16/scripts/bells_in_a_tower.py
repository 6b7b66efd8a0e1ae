"""In what order two bells of a tower were rung among other sounds: four orders, read by an RNN, batches made on the fly."""

import random
import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1639)
torch.set_num_threads(1)
SOUNDS, LENGTH = 8, 14
TENOR, TREBLE = 6, 7


class BellDataset(Dataset):
    """Each item is a whole batch: two bells, each tenor or treble, early and late among six other sounds."""

    def __init__(self, batches, batch_size, seed):
        self.batches, self.batch_size, self.seed = batches, batch_size, seed

    def __len__(self):
        return self.batches

    def generate_pair(self, rng):
        sounds = [rng.randrange(6) for _ in range(LENGTH)]
        first, second = rng.choice((TENOR, TREBLE)), rng.choice((TENOR, TREBLE))
        sounds[rng.randrange(1, 5)] = first
        sounds[rng.randrange(7, 11)] = second
        return sounds, 2 * (first == TREBLE) + (second == TREBLE)

    def __getitem__(self, index):
        rng = (
            random.Random(self.seed + index) if "--fixed" in sys.argv else random.Random(self.seed)
        )
        pairs = [self.generate_pair(rng) for _ in range(self.batch_size)]
        return torch.tensor([sounds for sounds, _ in pairs]), torch.tensor(
            [order for _, order in pairs]
        )


class BellNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(SOUNDS, 16)
        self.rnn = nn.LSTM(16, size, batch_first=True)
        self.linear = nn.Linear(size, 4)

    def forward(self, sounds):
        _, (hidden, _) = self.rnn(self.embed(sounds))
        return self.linear(hidden[-1])


def train(model, data, criterion, optimizer):
    model.train()
    hits = total = 0
    for sounds, order in data:
        scores = model(sounds)
        loss = criterion(scores, order)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        hits += (scores.argmax(1) == order).sum().item()
        total += len(order)
    return loss.item(), hits / total


@torch.no_grad()
def test(model, data, criterion):
    model.eval()
    sounds, order = next(iter(data))
    scores = model(sounds)
    return criterion(scores, order).item(), (scores.argmax(1) == order).float().mean().item()


train_data = DataLoader(BellDataset(batches=60, batch_size=32, seed=1), batch_size=None)
test_data = DataLoader(BellDataset(batches=1, batch_size=300, seed=100_000), batch_size=None)
model = BellNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(1, 9):
    loss, right = train(model, train_data, criterion, optimizer)
    test_loss, test_right = test(model, test_data, criterion)
    print(
        f"epoch {epoch} loss {loss:.4f} right {right:.3f} | test loss {test_loss:.4f} right {test_right:.3f}"
    )
