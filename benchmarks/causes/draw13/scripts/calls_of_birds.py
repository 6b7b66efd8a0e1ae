"""Bird calls of uneven lengths, filled up to the longest of the batch, are told apart."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(1317)
torch.set_num_threads(1)


def calls(n):
    """The last notes of a call, rising or falling, high or low, are the bird's own."""
    data = []
    for bird in torch.randint(0, 4, (n,)).tolist():
        length = int(torch.randint(6, 48, (1,)))
        call = torch.randn(length, 2) * 0.5
        call[-4:, 0] += (1 if bird % 2 else -1) * torch.linspace(0.5, 2, 4)
        call[-4:, 1] += 1.5 if bird // 2 else -1.5
        data.append((call, bird))
    return data


def collate(batch):
    batch_calls, birds = zip(*batch, strict=True)
    lengths = torch.tensor([len(call) for call in batch_calls])
    return pad_sequence(batch_calls, batch_first=True), lengths, torch.tensor(birds)


class BirdNet(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.rnn = nn.RNN(2, size, batch_first=True)
        self.fc = nn.Linear(size, 4)

    def forward(self, call, lengths):
        out, _ = self.rnn(call)
        if "--fixed" in sys.argv:
            last = out[torch.arange(len(call)), lengths - 1]
        else:
            last = out[:, -1]
        return self.fc(last)


loader = DataLoader(calls(1200), batch_size=24, shuffle=True, collate_fn=collate)
test = collate(calls(400))
model = BirdNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 11):
    total = 0.0
    for call, lengths, bird in loader:
        loss = nn.functional.cross_entropy(model(call, lengths), bird)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        right = (model(test[0], test[1]).argmax(1) == test[2]).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} right {right:.3f}")
