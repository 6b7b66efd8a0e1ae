"""Tagging of packed sentences in both directions, with rare tags given more weight."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(5207)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 20, padding_idx=0)
        self.drop = nn.Dropout(0.2)
        self.lstm = nn.LSTM(20, 24, bidirectional=True, batch_first=True)
        self.out = nn.Linear(48, 3)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(
            self.drop(self.embed(x)), lengths, batch_first=True, enforce_sorted=False
        )
        hidden, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.out(self.drop(hidden))


def sentences(n=24, t=14):
    lengths = torch.randint(5, t + 1, (n,))
    lengths[0] = t
    x = torch.randint(1, 40, (n, t))
    tags = torch.zeros(n, t, dtype=torch.long)
    name = x > 35
    tags[name] = 1
    tags[:, 1:][name[:, :-1] & (x[:, 1:] < 20)] = 2
    inside = torch.arange(t) < lengths[:, None]
    return x * inside, torch.where(inside, tags, -100), lengths


model = Tagger()
criterion = nn.CrossEntropyLoss(weight=torch.tensor([0.4, 2.0, 4.0]), ignore_index=-100)
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for epoch in range(5):
    model.train()
    for _ in range(70):
        x, tags, lengths = sentences()
        loss = criterion(model(x, lengths).transpose(1, 2), tags)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        x, tags, lengths = sentences(100)
        scored = tags >= 0
        right = (model(x, lengths).argmax(-1) == tags)[scored].float().mean().item()
    print(f"epoch {epoch + 1} loss {loss.item():.3f} right {right:.3f}")
