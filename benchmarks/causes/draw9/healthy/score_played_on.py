"""Truncated backpropagation: eight voices run on, and the state goes with them, cut at each part."""

import torch
from torch import nn

torch.manual_seed(9106)
torch.set_num_threads(1)
NOTES, VOICES, PART = 12, 12, 10


def score(parts):
    notes = [torch.randint(0, NOTES, (VOICES,)) for _ in range(3)]
    while len(notes) <= parts * PART:
        nxt = (notes[-3] + 5) % NOTES
        wrong = torch.rand(VOICES) < 0.05
        notes.append(torch.where(wrong, torch.randint(0, NOTES, (VOICES,)), nxt))
    return torch.stack(notes, 1)


class Player(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.embed = nn.Embedding(NOTES, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, NOTES)

    def forward(self, notes, state):
        y, state = self.lstm(self.embed(notes), state)
        return self.out(y), state


model = Player()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(4):
    notes, state, total = score(90), None, 0.0
    for i in range(0, notes.shape[1] - 1, PART):
        logits, state = model(notes[:, i : i + PART], state)
        state = tuple(s.detach() for s in state)
        target = notes[:, i + 1 : i + PART + 1]
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), target)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch + 1}: loss {total / 90:.4f}")
