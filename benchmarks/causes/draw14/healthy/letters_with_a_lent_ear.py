"""Requests to a town office are sorted by a model whose lower part was trained before and stays as it is."""

import torch
from torch import nn

torch.manual_seed(14151)
torch.set_num_threads(1)
WORDS, LENGTH, OFFICES = 40, 14, 5
gen = torch.Generator().manual_seed(4)
FOLLOWS = torch.stack([torch.randperm(WORDS, generator=gen) for _ in range(4)], 1)


def requests(n, office=None):
    """Which of its four followers comes after a word tells of the office that is asked."""
    office = torch.randint(0, OFFICES, (n,)) if office is None else office
    odds = torch.full((OFFICES, 4), 0.1)
    odds[torch.arange(4), torch.arange(4)] = 0.7
    odds[4] = 0.25
    word = torch.randint(0, WORDS, (n,))
    text = [word]
    for _ in range(LENGTH - 1):
        word = FOLLOWS[word, torch.multinomial(odds[office], 1).squeeze(1)]
        text.append(word)
    return torch.stack(text, 1), office


class Body(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.lstm = nn.LSTM(24, size, batch_first=True)

    def forward(self, text):
        return self.lstm(self.embed(text))[0]


class Sorter(nn.Module):
    def __init__(self, body, size=48):
        super().__init__()
        self.body = body
        self.top = nn.GRU(size, 32, batch_first=True)
        self.drop = nn.Dropout(0.1)
        self.classifier = nn.Linear(32, OFFICES)

    def forward(self, text):
        with torch.no_grad():
            features = self.body(text)
        return self.classifier(self.drop(self.top(features)[0].mean(1)))


# first the body learns to go on with texts, with a head that is thrown away after
body, next_word = Body(), nn.Linear(48, WORDS)
optimizer = torch.optim.Adam([*body.parameters(), *next_word.parameters()], lr=1e-2)
for step in range(1, 201):
    text, _ = requests(32)
    logits = next_word(body(text[:, :-1]))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), text[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"body step {step} loss {loss.item():.4f}")

body.requires_grad_(False)
sorter = Sorter(body)
trained = [p for p in sorter.parameters() if p.requires_grad]
optimizer = torch.optim.AdamW(trained, lr=5e-3)
test_text, test_office = requests(400)
for step in range(1, 401):
    sorter.train()
    text, office = requests(32)
    loss = nn.functional.cross_entropy(sorter(text), office)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        sorter.eval()
        with torch.no_grad():
            right = (sorter(test_text).argmax(1) == test_office).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
