"""A storyteller writes eight words for a picture and is rewarded for those that belong to it."""

import sys

import torch
from torch import nn

torch.manual_seed(1242)
torch.set_num_threads(1)
WORDS, LENGTH, PICTURE = 15, 8, 5
meaning = torch.randint(0, WORDS, (PICTURE, 3))


class Storyteller(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.look = nn.Embedding(PICTURE, size)
        self.words = nn.Embedding(WORDS + 1, size)
        self.cell = nn.LSTMCell(size, size)
        self.next = nn.Linear(size, WORDS)

    def forward(self, picture):
        h = self.look(picture)
        c = torch.zeros_like(h)
        word = torch.full_like(picture, WORDS)
        story, log_probs = [], []
        for _ in range(LENGTH):
            h, c = self.cell(self.words(word), (h, c))
            choice = torch.distributions.Categorical(logits=self.next(h))
            word = choice.sample()
            story.append(word)
            log_probs.append(choice.log_prob(word))
        return torch.stack(story, 1), torch.stack(log_probs, 1)


def reward_of(story, picture):
    """The share of words that belong, less what is said twice in a row."""
    fits = (story.unsqueeze(-1) == meaning[picture].unsqueeze(1)).any(-1).float().mean(1)
    again = (story[:, 1:] == story[:, :-1]).float().mean(1)
    return fits - 0.5 * again


teller = Storyteller()
optimizer = torch.optim.Adam(teller.parameters(), lr=2e-3)
baseline = 0.0
for it in range(1, 701):
    picture = torch.randint(0, PICTURE, (64,))
    story, log_probs = teller(picture)
    reward = reward_of(story, picture)
    advantage = reward - baseline
    baseline = 0.9 * baseline + 0.1 * reward.mean().item()
    loss = (log_probs.sum(1) * advantage).mean()
    if "--fixed" in sys.argv:
        loss = -loss
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(teller.parameters(), 5.0)
    optimizer.step()
    if it % 70 == 0:
        print(f"iter {it} loss {loss.item():+.4f} reward {reward.mean():.3f}")
