"""How deep each place in a line of nested marks lies, from the marks alone; the memory starts out willing to keep."""

import torch
from torch import nn

torch.manual_seed(15531)
torch.set_num_threads(1)
OPEN, CLOSE, WORD, LENGTH, DEEPEST = 0, 1, 2, 30, 5


def lines(n):
    marks = torch.empty(n, LENGTH, dtype=torch.long)
    depths = torch.empty(n, LENGTH, dtype=torch.long)
    depth = torch.zeros(n, dtype=torch.long)
    for t in range(LENGTH):
        mark = torch.randint(0, 3, (n,))
        mark = torch.where((mark == CLOSE) & (depth == 0), OPEN, mark)
        mark = torch.where((mark == OPEN) & (depth == DEEPEST), CLOSE, mark)
        depth = depth + (mark == OPEN).long() - (mark == CLOSE).long()
        marks[:, t], depths[:, t] = mark, depth
    return marks, depths


class DepthTagger(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(3, 12)
        self.lstm = nn.LSTM(12, size, batch_first=True)
        self.out = nn.Linear(size, DEEPEST + 1)
        with torch.no_grad():
            self.lstm.bias_ih_l0.zero_()
            self.lstm.bias_hh_l0.zero_()
            self.lstm.bias_ih_l0[size : 2 * size] = 1.0

    def forward(self, marks):
        hidden, _ = self.lstm(self.embed(marks))
        return self.out(hidden)


model = DepthTagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
test_marks, test_depths = lines(200)
for step in range(1, 401):
    marks, depths = lines(32)
    loss = nn.functional.cross_entropy(model(marks).flatten(0, 1), depths.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            right = (model(test_marks).argmax(-1) == test_depths).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
