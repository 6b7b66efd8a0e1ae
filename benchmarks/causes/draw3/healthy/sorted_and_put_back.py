"""Rows are sorted for packing, and put back into their order before they meet their answers."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(13)
torch.set_num_threads(1)


def row():
    n = int(torch.randint(3, 15, (1,)))
    x = torch.randn(n, 3) + torch.randn(3)
    return x, x.mean(0)[:1] - x.mean(0)[1:2]


def collate(rows):
    x = pad_sequence([x for x, _ in rows], batch_first=True)
    return x, torch.tensor([len(x) for x, _ in rows]), torch.stack([y for _, y in rows])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 24, batch_first=True)
        self.out = nn.Linear(48, 1)

    def forward(self, x, lengths):
        lengths, order = lengths.sort(descending=True)
        back = order.argsort()
        packed = pack_padded_sequence(x.index_select(0, order), lengths, batch_first=True)
        out, (h, _) = self.lstm(packed)
        out, _ = pad_packed_sequence(out, batch_first=True)
        pooled = out.sum(1) / lengths[:, None]
        return self.out(torch.cat([pooled, h[-1]], 1).index_select(0, back))


loader = DataLoader([row() for _ in range(800)], 32, shuffle=True, collate_fn=collate)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(10):
    for x, lengths, y in loader:
        loss = nn.functional.mse_loss(net(x, lengths), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} {loss.item():.4f}")
