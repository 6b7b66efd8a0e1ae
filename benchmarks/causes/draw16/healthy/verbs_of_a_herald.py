"""Words of a herald are tagged as verb, doer, deed's object or other; short cries are filled up on the left."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(16103)
torch.set_num_threads(1)
PAD, NOUNS, VERBS, SMALL, IGNORE = 0, 10, 6, 8, -100
VOCAB = 1 + NOUNS + VERBS + SMALL


class Cries(Dataset):
    """A noun before the verb is its doer (1), one after it its object (2); the verb itself is 3."""

    def __init__(self, n):
        self.cries = [self.cry() for _ in range(n)]

    @staticmethod
    def cry():
        length = int(torch.randint(4, 13, (1,)))
        words = 1 + NOUNS + VERBS + torch.randint(0, SMALL, (length,))
        nouns = torch.rand(length) < 0.4
        words[nouns] = torch.randint(1, 1 + NOUNS, (int(nouns.sum()),))
        verb = int(torch.randint(1, length - 1, (1,)))
        words[verb] = 1 + NOUNS + int(torch.randint(0, VERBS, (1,)))
        where = torch.arange(length)
        tags = torch.where(where < verb, 1, 2) * words.le(NOUNS)
        tags[verb] = 3
        return words, tags

    def __len__(self):
        return len(self.cries)

    def __getitem__(self, i):
        return self.cries[i]


def fill_left(batch):
    longest = max(len(words) for words, _ in batch)
    words = torch.full((len(batch), longest), PAD)
    tags = torch.full((len(batch), longest), IGNORE)
    for row, (w, t) in enumerate(batch):
        words[row, longest - len(w) :], tags[row, longest - len(t) :] = w, t
    return words, tags


class Tagger(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 16, padding_idx=PAD)
        self.lstm = nn.LSTM(16, size, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * size, 4)

    def forward(self, words):
        return self.tag(self.lstm(self.embed(words))[0])


loader = DataLoader(Cries(960), batch_size=24, shuffle=True, collate_fn=fill_left)
test_words, test_tags = fill_left(list(Cries(240)))
real = test_tags != IGNORE
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss(ignore_index=IGNORE)
for epoch in range(1, 9):
    total = 0.0
    for words, tags in loader:
        loss = criterion(model(words).flatten(0, 1), tags.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        right = (model(test_words).argmax(2) == test_tags)[real].float().mean().item()
    print(f"epoch {epoch} loss {total / len(loader):.4f} test tags right {right:.3f}")
