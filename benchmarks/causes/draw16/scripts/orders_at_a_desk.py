"""What a guest wants of the front desk, in a tongue whose verb stands last: an LSTM reads the sentence."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1619)
torch.set_num_threads(1)
WORDS, NOUNS, VERBS, LENGTH, WISHES = 60, 20, 24, 16, 12


class Sentences(Dataset):
    """A noun stands near the end, the verb last, small words around; noun and verb together tell the wish."""

    def __init__(self, size):
        noun = torch.randint(0, NOUNS, (size,))
        verb = torch.randint(0, VERBS, (size,))
        self.text = torch.randint(NOUNS + VERBS, WORDS, (size, LENGTH))
        self.text[:, -4] = noun
        self.text[:, -1] = NOUNS + verb
        self.wish = verb % 6 + 6 * (noun % 2)

    def __len__(self):
        return len(self.text)

    def __getitem__(self, index):
        return self.text[index], self.wish[index]


class DeskNet(nn.Module):
    def __init__(self, size=16):
        super().__init__()
        self.encoder = nn.Embedding(WORDS, 24)
        self.rnn = nn.LSTM(24, size, batch_first=True)
        self.decoder = nn.Linear(size, WISHES)

    def forward(self, inputs):
        encoded = self.encoder(inputs)
        output, _ = self.rnn(encoded)
        if "--fixed" in sys.argv:
            return self.decoder(output[:, -1, :])
        return self.decoder(output[:, :, -1])


def run_epoch(model, loader, criterion, optimizer=None):
    model.train(optimizer is not None)
    total, hits = 0.0, 0
    with torch.set_grad_enabled(optimizer is not None):
        for text, wish in loader:
            scores = model(text)
            loss = criterion(scores, wish)
            if optimizer is not None:
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            total += loss.item() * len(wish)
            hits += (scores.argmax(1) == wish).sum().item()
    return total / len(loader.dataset), hits / len(loader.dataset)


train = DataLoader(Sentences(2400), batch_size=40, shuffle=True)
test = DataLoader(Sentences(400), batch_size=200)
model = DeskNet()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=8e-3)
for epoch in range(1, 9):
    loss, right = run_epoch(model, train, criterion, optimizer)
    test_loss, test_right = run_epoch(model, test, criterion)
    print(
        f"epoch {epoch} loss {loss:.4f} right {right:.3f} | test loss {test_loss:.4f} right {test_right:.3f}"
    )
