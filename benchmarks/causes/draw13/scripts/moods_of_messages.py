"""Short messages with kind and unkind words are sorted into pleased and cross."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1305)
torch.set_num_threads(1)
VOCAB = 40


class MoodNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, 16)
        self.lstm = nn.LSTM(16, 32, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(64, 1)

    def forward(self, text):
        _, (h, _) = self.lstm(self.embedding(text))
        return self.fc(torch.cat([h[0], h[1]], 1)).squeeze(1)


def messages(n, length=9):
    """The first half of the vocabulary pleases, the other does not; the greater number decides."""
    text = torch.randint(0, VOCAB, (n, length))
    return text, ((text < VOCAB // 2).sum(1) > length // 2).float()


train = DataLoader(TensorDataset(*messages(1600)), batch_size=32, shuffle=True)
text_test, mood_test = messages(500)
model = MoodNet()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(1, 9):
    total = 0.0
    for text, mood in train:
        if "--fixed" in sys.argv:
            optimizer.zero_grad()
        loss = criterion(model(text), mood)
        loss.backward()
        optimizer.step()
        total += loss.item() / len(train)
    with torch.no_grad():
        right = ((model(text_test) > 0) == (mood_test > 0.5)).float().mean().item()
    print(f"epoch {epoch} loss {total:.4f} right {right:.3f}")
