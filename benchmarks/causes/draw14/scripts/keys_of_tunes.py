"""Which of six scales a tune of 24 notes is in; a stack of recurrent layers over embedded notes."""

import sys

import torch
from torch import nn

torch.manual_seed(1430)
torch.set_num_threads(1)
NOTES, SCALES, LENGTH = 24, 6, 24
config = {"hidden": 48, "layers": 3, "dropout": 0.1 if "--fixed" in sys.argv else 0.92, "lr": 2e-3}


class ScaleNet(nn.Module):
    def __init__(self, hidden, layers, dropout):
        super().__init__()
        self.embed = nn.Embedding(NOTES, hidden)
        self.drop = nn.Dropout(dropout)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True, dropout=dropout)
        self.out = nn.Linear(hidden, SCALES)

    def forward(self, notes):
        h, _ = self.lstm(self.drop(self.embed(notes)))
        return self.out(self.drop(h[:, -1]))


steps = torch.tensor([0, 2, 4, 5, 7, 9, 11, 12])


def tunes(n):
    scale = torch.randint(SCALES, (n,))
    degree = torch.randint(len(steps), (n, LENGTH))
    notes = steps[degree] + 2 * scale.unsqueeze(1)
    slip = torch.rand(n, LENGTH) < 0.1
    notes = torch.where(slip, torch.randint(NOTES, (n, LENGTH)), notes)
    return notes.clamp(max=NOTES - 1), scale


model = ScaleNet(config["hidden"], config["layers"], config["dropout"])
optimizer = torch.optim.Adam(model.parameters(), lr=config["lr"])
criterion = nn.CrossEntropyLoss()
test_notes, test_scale = tunes(500)
for step in range(401):
    notes, scale = tunes(32)
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(notes), scale)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 50 == 0:
        model.eval()
        with torch.no_grad():
            right = (model(test_notes).argmax(1) == test_scale).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} right {right:.3f}")
