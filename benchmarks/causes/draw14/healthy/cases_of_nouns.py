"""Grammatical case of the nouns of a sentence; words that are no nouns have no case to learn."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(14105)
torch.set_num_threads(1)
PAD, CASES, NO_CASE = 0, 4, -100
PREPOSITIONS, NOUNS, OTHERS = range(1, 13), range(13, 33), range(33, 48)
VOCAB = 48


def sentence():
    """A noun takes the case of the last preposition before it, and the first one without any."""
    words, cases, case = [], [], 0
    for _ in range(int(torch.randint(5, 15, (1,)))):
        kind = torch.rand(1).item()
        if kind < 0.3:
            word = int(torch.randint(len(PREPOSITIONS), (1,)))
            case = word % CASES
            words.append(PREPOSITIONS[word])
            cases.append(NO_CASE)
        elif kind < 0.7:
            words.append(NOUNS[int(torch.randint(len(NOUNS), (1,)))])
            cases.append(case)
        else:
            words.append(OTHERS[int(torch.randint(len(OTHERS), (1,)))])
            cases.append(NO_CASE)
    words.append(NOUNS[0])
    cases.append(case)
    return torch.tensor(words), torch.tensor(cases)


class Sentences(Dataset):
    def __init__(self, n):
        self.rows = [sentence() for _ in range(n)]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    words, cases = zip(*rows, strict=True)
    lengths = torch.tensor([len(w) for w in words])
    words = pad_sequence(words, batch_first=True, padding_value=PAD)
    return words, lengths, pad_sequence(cases, batch_first=True, padding_value=NO_CASE)


class CaseTagger(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 20, padding_idx=PAD)
        self.lstm = nn.LSTM(20, size, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * size, CASES)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.embed(words), lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(pad_packed_sequence(self.lstm(packed)[0], batch_first=True)[0])


train_loader = DataLoader(Sentences(1280), batch_size=32, shuffle=True, collate_fn=collate)
test_loader = DataLoader(Sentences(256), batch_size=64, collate_fn=collate)
model = CaseTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss(ignore_index=NO_CASE)
for epoch in range(9):
    total = 0.0
    for words, lengths, cases in train_loader:
        loss = criterion(model(words, lengths).flatten(0, 1), cases.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    right = count = 0
    with torch.no_grad():
        for words, lengths, cases in test_loader:
            noun = cases != NO_CASE
            right += (model(words, lengths).argmax(-1) == cases)[noun].sum().item()
            count += noun.sum().item()
    print(f"epoch {epoch} loss {total / len(train_loader):.3f} right {right / count:.3f}")
