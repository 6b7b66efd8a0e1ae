"""Lanterns flash at a harbour; each flash adds to or takes from a tally, and the tally so far is wanted."""

import torch
from torch import nn

torch.manual_seed(15144)
torch.set_num_threads(1)
FLASHES = 16


def nights(n):
    """Which lantern flashed (of five) and how bright; the tally leaks a little at every step."""
    lantern = torch.randint(0, 5, (n, FLASHES))
    bright = torch.rand(n, FLASHES)
    worth = torch.tensor([0.5, -0.5, 0.25, -0.25, 0.0])[lantern] * bright
    tally, course = torch.zeros(n), []
    for t in range(FLASHES):
        tally = 0.95 * tally + worth[:, t]
        course.append(tally)
    return lantern, bright, 2 * torch.stack(course, 1)


class Tally(nn.Module):
    """Matrix products in bfloat16, as autocast would have them; what is remembered stays in float32."""

    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(5, 12)
        self.inward = nn.Linear(13, 3 * size)
        self.onward = nn.Linear(size, 3 * size)
        self.out = nn.Linear(size, 1)
        self.size = size

    def forward(self, lantern, bright):
        x = self.inward(torch.cat((self.embed(lantern), bright.unsqueeze(2)), 2)).float()
        state = torch.zeros(len(x), self.size, dtype=torch.float32)
        states = []
        for t in range(x.size(1)):
            keep_x, reset_x, new_x = x[:, t].chunk(3, 1)
            keep_h, reset_h, new_h = self.onward(state).float().chunk(3, 1)
            keep = torch.sigmoid(keep_x + keep_h + 1)
            new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
            state = keep * state + (1 - keep) * new
            states.append(state)
        return self.out(torch.stack(states, 1)).squeeze(2).float()


model = Tally()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
test_lantern, test_bright, test_tally = nights(300)
print(f"variance of the tally {test_tally.var().item():.3f}")
for step in range(1, 301):
    lantern, bright, tally = nights(32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        guess = model(lantern, bright)
    loss = nn.functional.mse_loss(guess, tally)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
            guess = model(test_lantern, test_bright)
        test = nn.functional.mse_loss(guess, test_tally).item()
        print(f"step {step} loss {loss.item():.4f} test {test:.4f} {guess.dtype}")
