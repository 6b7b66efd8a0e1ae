"""The loss of an epoch is added up for a report, as tensors; what each batch has computed stays
alive until the epoch is over."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(6113)
torch.set_num_threads(1)


class LabelModel(nn.Module):
    """Several labelling functions vote at each token; who is right?"""

    def __init__(self, functions, classes):
        super().__init__()
        self.votes = nn.Embedding(classes + 1, 8)
        self.lstm = nn.LSTM(8 * functions, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, classes)

    def forward(self, votes):
        return self.out(self.lstm(self.votes(votes).flatten(2))[0])


truth = torch.randint(0, 3, (960, 12))
wrong = torch.randint(0, 3, (960, 12, 5))
silent = torch.rand(960, 12, 5) < 0.2
reliable = torch.rand(960, 12, 5) < torch.tensor([0.9, 0.8, 0.6, 0.4, 0.3])
votes = torch.where(reliable, truth[..., None], wrong).masked_fill(silent, 3)

model = LabelModel(5, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
loader = DataLoader(TensorDataset(votes, truth), batch_size=16, shuffle=True)
for epoch in range(5):
    running_loss = 0.0
    for batch, labels in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(batch).transpose(1, 2), labels)
        loss.backward()
        optimizer.step()
        if FIXED:
            running_loss += loss.item()
        else:
            running_loss += loss
    print(f"Epoch {epoch + 1}: average loss {float(running_loss) / len(loader):.4f}")
