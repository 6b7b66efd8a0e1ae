"""Which of three illnesses is in a cough? There are few coughs to learn from and much noise."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1728)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
ILLS, LENGTH, BANDS = 3, 20, 12
marks = torch.randn(ILLS, 5, BANDS)


def coughs(n):
    ill = torch.randint(0, ILLS, (n,))
    sound = torch.randn(n, LENGTH, BANDS)
    start = torch.randint(0, LENGTH - 5, (n,))
    for i in range(n):
        sound[i, start[i] : start[i] + 5] += 0.8 * marks[ill[i]]
    return sound, ill


class CoughNet(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.conv = nn.Conv1d(BANDS, 32, 5, padding=2)
        self.drop = nn.Dropout(0.5)
        self.gru = nn.GRU(32, size, batch_first=True)
        self.ill = nn.Linear(size, ILLS)

    def forward(self, sound):
        seen = torch.relu(self.conv(self.drop(sound).transpose(1, 2)))
        rows, _ = self.gru(self.drop(seen).transpose(1, 2))
        return self.ill(self.drop(rows.amax(1)))


def validate(model, sound, ill):
    model.eval()
    with torch.no_grad():
        logits = model(sound)
    right = (logits.argmax(1) == ill).float().mean().item()
    return nn.functional.cross_entropy(logits, ill).item(), right


train = TensorDataset(*coughs(160))
held_out = coughs(250)
loader = DataLoader(train, batch_size=16, shuffle=True)
model = CoughNet()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
step = 0
model.train()
while step < 400:
    for sound, ill in loader:
        loss = nn.functional.cross_entropy(model(sound), ill)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        if step % 25 == 0:
            value, right = validate(model, *held_out)
            print(f"step {step} loss {loss.item():.4f} held out {value:.4f} right {right:.3f}")
            if FIXED:
                model.train()
