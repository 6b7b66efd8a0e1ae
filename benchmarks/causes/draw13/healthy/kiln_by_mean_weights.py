"""The heat of a kiln from the burner; what is validated is a slow average of the weights."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1359)
torch.set_num_threads(1)


def kilns(n, length=20):
    burner = (torch.rand(n, length) < 0.5).float()
    door = (torch.rand(n, length) < 0.1).float()
    heat, heats = torch.zeros(n), []
    for t in range(length):
        heat = (0.85 * heat + 0.3 * burner[:, t]) * (1 - 0.5 * door[:, t])
        heats.append(heat)
    return torch.stack([burner, door], -1), torch.stack(heats, 1)


class Kiln(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.lstm = nn.LSTM(2, size, batch_first=True)
        self.fc = nn.Linear(size, 1)

    def forward(self, x):
        return self.fc(self.lstm(x)[0]).squeeze(-1)


loader = DataLoader(TensorDataset(*kilns(1280)), batch_size=32, shuffle=True)
x_val, heat_val = kilns(300)
model = Kiln()
average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.97))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 10):
    total = 0.0
    for x, heat in loader:
        loss = nn.functional.mse_loss(model(x), heat)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        average.update_parameters(model)
        total += loss.item() / len(loader)
    with torch.no_grad():
        error = nn.functional.mse_loss(average(x_val), heat_val).item()
    print(f"epoch {epoch} loss {total:.5f} of the average {error:.5f} of {heat_val.var():.4f}")
