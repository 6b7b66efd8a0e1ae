"""A long chant is learned note by note in pieces that follow on, the state going from piece to piece."""

import torch
from torch import nn

torch.manual_seed(14153)
torch.set_num_threads(1)
NOTES, VOICES, PIECE = 12, 16, 20


def chant(length, gen):
    """A mode is announced by notes 10 and 11 and holds until the next of them, far later."""
    notes, mode, note = [], 0, 0
    steps = torch.tensor([[1, 3], [7, 9]])
    for t in range(length):
        if t % 24 == 0:
            mode = int(torch.randint(0, 2, (1,), generator=gen))
            notes.append(10 + mode)
            continue
        pick = int(torch.rand(1, generator=gen) < 0.15)
        note = (note + int(steps[mode, pick])) % 10
        notes.append(note)
    return torch.tensor(notes)


class Singer(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(NOTES, 16)
        self.lstm = nn.LSTM(16, size, batch_first=True)
        self.out = nn.Linear(size, NOTES)

    def forward(self, notes, state=None):
        hidden, state = self.lstm(self.embed(notes), state)
        return self.out(hidden), state


def pieces(voices):
    """The voices run on from piece to piece, each in its own row."""
    for start in range(0, voices.size(1) - 1 - PIECE, PIECE):
        piece = voices[:, start : start + PIECE + 1]
        yield piece[:, :-1], piece[:, 1:]


gen = torch.Generator().manual_seed(9)
train = torch.stack([chant(1230, gen) for _ in range(VOICES)])
test = torch.stack([chant(420, gen) for _ in range(8)])
singer = Singer()
optimizer = torch.optim.Adam(singer.parameters(), lr=5e-3)
for epoch in range(1, 13):
    state, losses = None, []
    for notes, following in pieces(train):
        if state is not None:
            state = tuple(s.detach() for s in state)
        logits, state = singer(notes, state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), following.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(singer.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        state, test_losses = None, []
        for notes, following in pieces(test):
            logits, state = singer(notes, state)
            test_losses.append(
                nn.functional.cross_entropy(logits.flatten(0, 1), following.flatten())
            )
    mean, test_mean = sum(losses) / len(losses), torch.stack(test_losses).mean().item()
    print(f"epoch {epoch} loss {mean:.4f} test loss {test_mean:.4f}")
