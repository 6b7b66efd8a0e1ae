"""One long tape is read in pieces; the state goes on from piece to piece and is cut from the past."""

import torch
from torch import nn

torch.manual_seed(10101)
torch.set_num_threads(1)
SYMBOLS, ROWS, PIECE = 10, 20, 16

table = torch.softmax(2.5 * torch.randn(SYMBOLS, SYMBOLS, SYMBOLS), -1)
tape = [torch.randint(0, SYMBOLS, (ROWS,)), torch.randint(0, SYMBOLS, (ROWS,))]
for _ in range(1 + 100 * PIECE):
    tape.append(torch.multinomial(table[tape[-2], tape[-1]], 1).squeeze(1))
tape = torch.stack(tape, 1)


class TapeReader(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.embed = nn.Embedding(SYMBOLS, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.next = nn.Linear(width, SYMBOLS)

    def forward(self, symbols, state):
        out, state = self.lstm(self.embed(symbols), state)
        return self.next(out), state


model = TapeReader()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for lap in range(4):
    state = torch.zeros(1, ROWS, 48), torch.zeros(1, ROWS, 48)
    total = 0.0
    for start in range(0, 100 * PIECE, PIECE):
        piece = tape[:, start : start + PIECE + 1]
        state = tuple(s.detach() for s in state)
        logits, state = model(piece[:, :-1], state)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), piece[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    print(f"lap {lap + 1} loss {total / 100:.4f}")
