"""Named entities: a BiLSTM over words and a layer of tags, with the rate from a config."""

import sys

import torch
from torch import nn

torch.manual_seed(1151)
torch.set_num_threads(1)


class Config:
    lr = 0.003 if "--fixed" in sys.argv else 3.0
    hidden = 64
    nwords, ntags = 50, 7


kind = torch.randint(0, Config.ntags, (Config.nwords,))


def minibatch(n=20, length=12):
    words = torch.randint(0, Config.nwords, (n, length))
    nxt = torch.cat([words[:, 1:], words[:, :1] * 0], 1)
    return words, (kind[words] + (nxt < 15)) % Config.ntags


class NERModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.words = nn.Embedding(config.nwords, 32)
        self.bi_lstm = nn.LSTM(
            32, config.hidden // 2, num_layers=2, batch_first=True, bidirectional=True
        )
        self.proj = nn.Linear(config.hidden, config.ntags)

    def forward(self, ids):
        return self.proj(self.bi_lstm(self.words(ids))[0])


model = NERModel(Config)
optimizer = torch.optim.Adam(model.parameters(), lr=Config.lr)
for batch in range(360):
    ids, labels = minibatch()
    scores = model(ids)
    train_loss = nn.functional.cross_entropy(scores.flatten(0, 1), labels.flatten())
    optimizer.zero_grad()
    train_loss.backward()
    optimizer.step()
    if batch == 0 or batch % 60 == 59:
        acc = (scores.argmax(-1) == labels).float().mean()
        print(f"{batch + 1} - train loss: {train_loss.item():.5f} acc {acc:.2f}")
