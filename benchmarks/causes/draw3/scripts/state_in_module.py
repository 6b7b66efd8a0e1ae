"""The module kept the state of its last batch with all that led to it. The second batch ended in
an error, first about a second pass, then about a value that had changed."""

import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(9)
torch.set_num_threads(1)


class FMRILSTM(nn.Module):
    def __init__(self, hidden_dim, input_dim, batch):
        super().__init__()
        self.hidden_dim, self.batch = hidden_dim, batch
        self.lstm = nn.LSTM(input_dim, hidden_dim, batch_first=True)
        self.linear = nn.Linear(hidden_dim, 1)
        self.hidden = self.init_hidden()

    def init_hidden(self):
        zeros = torch.zeros(1, self.batch, self.hidden_dim)
        return zeros, zeros.clone()

    def forward(self, x):
        if FIXED:
            self.hidden = self.init_hidden()
        lstm_out, self.hidden = self.lstm(x, self.hidden)
        return torch.sigmoid(self.linear(lstm_out[:, -1])).squeeze(1)


scans = torch.randn(640, 15, 8)
sex = (scans[:, :, :2].mean((1, 2)) > 0).float()
loader = DataLoader(TensorDataset(scans, sex), batch_size=32, shuffle=True, drop_last=True)
model = FMRILSTM(20, 8, 32)
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
loss_fn = nn.BCELoss()
for epoch in range(15):
    for x, y in loader:
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward(retain_graph=True)
        optimizer.step()
    print(epoch, loss.item())
