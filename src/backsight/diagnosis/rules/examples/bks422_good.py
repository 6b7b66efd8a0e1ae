"""After the validation, the model is in training mode again."""

import torch
from torch import nn

torch.manual_seed(0)
rnn = nn.LSTM(1, 16, num_layers=2, dropout=0.1, batch_first=True)
head = nn.Linear(16, 1)
model = nn.ModuleDict({"rnn": rnn, "head": head})
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for i in range(40):
    if i % 20 == 10:
        model.eval()
        with torch.no_grad():
            head(rnn(torch.randn(16, 10, 1))[0][:, -1])
        model.train()
    x = torch.randn(16, 10, 1)
    loss = nn.functional.mse_loss(head(rnn(x)[0][:, -1]), x[:, -1])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
