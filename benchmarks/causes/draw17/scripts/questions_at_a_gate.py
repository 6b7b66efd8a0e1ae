"""What does a traveller ask for? The last words of a question of 4 to 30 words say it."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1717)
torch.set_num_threads(1)
FIXED = "--fixed" in sys.argv
WORDS, KINDS = 40, 6  # word 0 fills the rows up; words 1 to 9 name things


class Questions(Dataset):
    def __init__(self, n):
        self.rows = []
        for _ in range(n):
            length = int(torch.randint(4, 31, ()))
            words = torch.randint(1, WORDS, (length,))
            first, second = torch.randint(1, 10, (2,)).tolist()
            words[-3], words[-1] = first, second
            kind = 2 * ((first - 1) // 3) + (second > 5)
            self.rows.append((words, int(kind)))

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, i):
        return self.rows[i]


def collate(rows):
    words = pad_sequence([w for w, _ in rows], batch_first=True)
    lengths = torch.tensor([len(w) for w, _ in rows])
    return words, lengths, torch.tensor([k for _, k in rows])


class QuestionClassifier(nn.Module):
    def __init__(self, dim=24, hidden=48):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, dim, padding_idx=0)
        self.rnn = nn.RNN(dim, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, KINDS)

    def forward(self, words, lengths):
        outputs, _ = self.rnn(self.embedding(words))
        if FIXED:
            output = outputs[torch.arange(len(words)), lengths - 1]
        else:
            output = outputs[:, -1]
        return self.fc(output)


def accuracy(model, loader):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for words, lengths, kinds in loader:
            right += (model(words, lengths).argmax(1) == kinds).sum().item()
            total += len(kinds)
    model.train()
    return right / total


def main():
    train = DataLoader(Questions(2000), batch_size=32, shuffle=True, collate_fn=collate)
    test = DataLoader(Questions(400), batch_size=50, collate_fn=collate)
    model = QuestionClassifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    criterion = nn.CrossEntropyLoss()
    for epoch in range(1, 11):
        total = 0.0
        for words, lengths, kinds in train:
            optimizer.zero_grad()
            loss = criterion(model(words, lengths), kinds)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch} loss {total / len(train):.4f} test {accuracy(model, test):.3f}")


main()
