"""Short rows of readings are summed up by an LSTM; its states are made for every batch."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9034)
torch.set_num_threads(1)


class SimpleLSTM(nn.Module):
    def __init__(self, input_size=2, hidden_size=20, num_layers=2):
        super().__init__()
        self.hidden_size, self.num_layers = hidden_size, num_layers
        self.lstm = nn.LSTM(input_size, hidden_size, num_layers, batch_first=True)
        self.fc = nn.Linear(hidden_size, 1)

    def init_hidden(self, batch_size):
        make = torch.zeros if FIXED else torch.randn
        shape = (self.num_layers, batch_size, self.hidden_size)
        return make(*shape), make(*shape)

    def forward(self, x):
        out, _ = self.lstm(x, self.init_hidden(len(x)))
        return self.fc(out[:, -1])


model = SimpleLSTM()
criterion = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(500):
    x = torch.randn(32, 3, 2)
    y = (x[:, 0, :1] * 0.8 - x[:, 2, 1:] * 0.5).tanh()
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print(f"Epoch [{epoch + 1}/500], Loss: {loss.item():.4f}")
