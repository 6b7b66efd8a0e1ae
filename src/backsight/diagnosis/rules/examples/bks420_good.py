"""The loss ignores padding."""

import torch
from torch import nn

torch.manual_seed(0)
embed, rnn = nn.Embedding(6, 8), nn.LSTM(8, 16, batch_first=True)
model = nn.ModuleList([embed, rnn, head := nn.Linear(16, 6)])
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss(ignore_index=0)
for _ in range(30):
    lengths = torch.randint(3, 13, (16,))
    x = torch.randint(1, 6, (16, 12))
    x[torch.arange(12) >= lengths[:, None]] = 0
    output, _ = rnn(embed(x[:, :-1]))
    logits = head(output)
    loss = criterion(logits.flatten(0, 1), x[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
