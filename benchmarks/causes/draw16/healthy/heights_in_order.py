"""Points at five people of a group from the smallest to the tallest: a pointer network with attention."""

import torch
from torch import nn

torch.manual_seed(16302)
torch.set_num_threads(1)
PEOPLE = 5


def people(n):
    heights = torch.rand(n, PEOPLE)
    return heights.unsqueeze(2), heights.argsort(1)


class Pointer(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.inlet = nn.Linear(1, size)
        self.encoder = nn.LSTM(size, size // 2, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(size, size)
        self.start = nn.Parameter(torch.zeros(size))
        self.keys = nn.Linear(size, size, bias=False)
        self.query = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, heights, order=None):
        memory, (last, _) = self.encoder(torch.tanh(self.inlet(heights)))
        hidden = torch.cat((last[0], last[1]), dim=1)
        keys, token = self.keys(memory), self.start.expand(len(heights), -1)
        taken = torch.zeros(len(heights), PEOPLE, dtype=torch.bool)
        steps = []
        for position in range(PEOPLE):
            hidden = self.cell(token, hidden)
            scores = self.score(torch.tanh(keys + self.query(hidden).unsqueeze(1))).squeeze(2)
            scores = scores.masked_fill(taken, float("-inf"))  # nobody is pointed at twice
            steps.append(scores)
            choice = scores.argmax(1) if order is None else order[:, position]
            taken = taken.scatter(1, choice.unsqueeze(1), True)
            token = memory[torch.arange(len(heights)), choice]
        return torch.stack(steps, dim=1)


model = Pointer()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 501):
    heights, order = people(32)
    scores = model(heights, order)
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), order.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            heights, order = people(200)
            right = (model(heights).argmax(2) == order).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} pointed right {right:.3f}")
