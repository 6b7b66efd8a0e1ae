"""Training stops when validation has not improved for a while; the best weights are put back then."""

import copy

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(6222)
torch.set_num_threads(1)


class Sleep(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(3, 24, batch_first=True)
        self.drop = nn.Dropout(0.3)
        self.stage = nn.Linear(24, 4)

    def forward(self, x):
        return self.stage(self.drop(self.rnn(x)[0][:, -1]))


def nights(n):
    y = torch.randint(0, 4, (n,))
    at = torch.arange(20) * (0.2 + 0.25 * y[:, None]) + 6.28 * torch.rand(n, 1)
    return at.sin()[..., None] + 0.5 * torch.randn(n, 20, 3), y


train = DataLoader(TensorDataset(*nights(700)), batch_size=28, shuffle=True)
held_x, held_y = nights(300)
model = Sleep()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
drop_rate = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, mode="min", factor=0.5, patience=2)
best, kept, waited = float("inf"), None, 0
for epoch in range(15):
    model.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    model.eval()
    with torch.no_grad():
        held = nn.functional.cross_entropy(model(held_x), held_y).item()
    drop_rate.step(held)
    print(f"epoch {epoch} train {loss.item():.3f} held out {held:.3f}")
    if held < best:
        best, kept, waited = held, copy.deepcopy(model.state_dict()), 0
    else:
        waited += 1
        if waited == 4:
            break
model.load_state_dict(kept)
print(f"best {best:.3f}")
