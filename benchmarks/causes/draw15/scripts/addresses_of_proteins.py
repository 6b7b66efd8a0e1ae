"""Chains of amino acids: two marks at their ends say where in the cell the protein is sent."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1502)
torch.set_num_threads(1)
ACIDS, LENGTH = 20, 56
LEADERS = torch.tensor([[9, 14, 9], [14, 3, 14], [3, 9, 3]])
TAGS = torch.tensor([[8, 3, 11], [15, 8, 9]])


def proteins(n):
    """One of three leaders at the head of the chain, one of two tags at its tail: six places."""
    chain = torch.randint(0, ACIDS, (n, LENGTH))
    leader, tag = torch.randint(0, 3, (n,)), torch.randint(0, 2, (n,))
    chain[:, 1:4] = LEADERS[leader]
    chain[:, -4:-1] = TAGS[tag]
    return chain, leader * 2 + tag


class BiLSTM(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(ACIDS, 16)
        self.lstm = nn.LSTM(16, size, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * size, 6)

    def forward(self, chain):
        out, (h_n, _) = self.lstm(self.embed(chain))
        if "--fixed" in sys.argv:
            return self.fc(torch.cat((h_n[-2], h_n[-1]), dim=1))
        return self.fc(out[:, -1, :])


train_loader = DataLoader(TensorDataset(*proteins(2304)), batch_size=48, shuffle=True)
test_chain, test_place = proteins(300)
model = BiLSTM()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for epoch in range(1, 8):
    total = 0.0
    for chain, place in train_loader:
        loss = criterion(model(chain), place)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = (model(test_chain).argmax(1) == test_place).float().mean().item()
    print(f"epoch {epoch} loss {total / len(train_loader):.4f} test right {right:.3f}")
