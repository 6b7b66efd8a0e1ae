"""The limit for gradients was applied to gradients that were still scaled for half precision, so
that it made all steps tiny and alike."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(31)
torch.set_num_threads(1)

frames = torch.randn(960, 12, 6)
target = torch.stack([frames[:, :, 0].mean(1), frames[:, -1, 1]], dim=1)
loader = DataLoader(TensorDataset(frames, target), batch_size=32, shuffle=True)


class Pose(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(6, 32, batch_first=True)
        self.fc = nn.Linear(32, 2)

    def forward(self, x):
        return self.fc(self.rnn(x)[0][:, -1])


model = Pose()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
criterion = nn.MSELoss()
for epoch in range(10):
    for x, y in loader:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            out = model(x)
        loss = criterion(out.float(), y)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        if FIXED:
            scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
    print(f"epoch {epoch}: {loss.item():.4f}")
