"""Do two questions ask for the same? Two texts of unlike length go through one encoder."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1437)
torch.set_num_threads(1)
TOPICS, PER_TOPIC, FILLER, MAX_LEN = 8, 3, 30, 12
VOCAB = 1 + TOPICS * PER_TOPIC + FILLER


class Pairs(Dataset):
    def __init__(self, n):
        self.same = torch.rand(n) < 0.5
        first = torch.randint(TOPICS, (n,))
        other = (first + torch.randint(1, TOPICS, (n,))) % TOPICS
        self.first, self.first_len = self.texts(first)
        self.second, self.second_len = self.texts(torch.where(self.same, first, other))

    @staticmethod
    def texts(topic):
        n = len(topic)
        length = torch.randint(4, MAX_LEN + 1, (n,))
        words = torch.randint(1 + TOPICS * PER_TOPIC, VOCAB, (n, MAX_LEN))
        for _ in range(2):
            word = 1 + topic * PER_TOPIC + torch.randint(PER_TOPIC, (n,))
            words[torch.arange(n), (torch.rand(n) * length).long()] = word
        words[torch.arange(MAX_LEN) >= length.unsqueeze(1)] = 0
        return words, length

    def __len__(self):
        return len(self.same)

    def __getitem__(self, i):
        return (
            self.first[i],
            self.first_len[i],
            self.second[i],
            self.second_len[i],
            self.same[i].float(),
        )


class Encoder(nn.Module):
    def __init__(self, emb=24, hidden=40):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, emb, padding_idx=0)
        self.rnn = nn.LSTM(emb, hidden, batch_first=True)

    def forward(self, words, lengths):
        sorted_len, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(words[order]), sorted_len, batch_first=True)
        _, (h, _) = self.rnn(packed)
        if "--fixed" in sys.argv:
            return h[-1][order.argsort()]
        return h[-1]


class Matcher(nn.Module):
    def __init__(self, hidden=40):
        super().__init__()
        self.encoder = Encoder(hidden=hidden)
        self.score = nn.Sequential(nn.Linear(2 * hidden, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, first, first_len, second, second_len):
        a, b = self.encoder(first, first_len), self.encoder(second, second_len)
        return self.score(torch.cat([(a - b).abs(), a * b], dim=1)).squeeze(1)


train_loader = DataLoader(Pairs(1920), batch_size=32, shuffle=True)
test_loader = DataLoader(Pairs(384), batch_size=64)
model = Matcher()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(9):
    total = 0.0
    for *texts, same in train_loader:
        loss = criterion(model(*texts), same)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = sum(((model(*t) > 0) == (y > 0.5)).sum().item() for *t, y in test_loader)
    print(f"epoch {epoch} loss {total / len(train_loader):.3f} right {right / 384:.3f}")
