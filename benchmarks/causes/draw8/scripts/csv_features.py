"""A table from a file, ten rows to a sequence, three layers of LSTM and an answer of yes or no."""

import io
import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8147)
torch.set_num_threads(1)


def written(rows=2400, columns=8):
    table = torch.randn(rows, columns)
    lines = []
    for row in table.tolist():
        lines.append(",".join(f"{value:.4f}" for value in row))
    for k in torch.randint(0, rows, (40,)).tolist():
        cells = lines[k].split(",")
        cells[int(torch.randint(0, columns, ()))] = "nan"
        lines[k] = ",".join(cells)
    return io.StringIO("\n".join(lines)), table


file, table = written()
data_train = torch.tensor([[float(cell) for cell in line.split(",")] for line in file])
if FIXED:
    data_train = data_train.nan_to_num(0.0)
x_train = data_train.reshape(-1, 10, 8)
y_train = (table.reshape(-1, 10, 8)[:, -3:, 0].sum(1) > 0).float()

lstm, dense = nn.LSTM(8, 10, num_layers=3, batch_first=True), nn.Linear(10, 1)
opt = torch.optim.Adam(list(lstm.parameters()) + list(dense.parameters()), lr=8e-3)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(24):
    total = 0.0
    for rows in torch.randperm(len(x_train)).split(24):
        opt.zero_grad()
        loss = loss_fn(dense(lstm(x_train[rows])[0][:, -1])[:, 0], y_train[rows])
        loss.backward()
        opt.step()
        total += loss.item() / 10
    if epoch % 4 == 3:
        print(f"Epoch {epoch + 1}/24 - loss: {total:.4f}")
