"""Each review has a mood; only some batches have stars too, and train the second head."""

import torch
from torch import nn

torch.manual_seed(1179)
torch.set_num_threads(1)
WORDS = 50
worth = torch.randn(WORDS)


class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.gru = nn.GRU(24, 32, batch_first=True)
        self.mood = nn.Linear(32, 2)
        self.stars = nn.Linear(32, 1)

    def forward(self, words):
        h = self.gru(self.embed(words))[0].mean(1)
        return self.mood(h), self.stars(h).squeeze(-1)


def reviews(n=32, length=12):
    words = torch.randint(0, WORDS, (n, length))
    sum_of_worth = worth[words].mean(1) * 3
    return words, (sum_of_worth > 3 * worth.mean()).long(), sum_of_worth


model = TwoHeads()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 501):
    words, mood, stars = reviews()
    said_mood, said_stars = model(words)
    loss = nn.functional.cross_entropy(said_mood, mood)
    have_stars = torch.rand(()) < 0.4
    if have_stars:
        loss = loss + 0.5 * nn.functional.mse_loss(said_stars, stars)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        right = (said_mood.argmax(1) == mood).float().mean()
        gap = (said_stars - stars).abs().mean()
        print(f"step {step} mood right {right:.2f} stars off by {gap:.3f}")
