"""A word model of verses whose word vectors come from elsewhere: they stay, and score words too."""

import torch
from torch import nn

torch.manual_seed(15101)
torch.set_num_threads(1)
WORDS, DIM, LENGTH = 40, 24, 16
lent = torch.randn(WORDS, DIM)
lent = lent / lent.norm(dim=1, keepdim=True)
first = torch.randint(0, WORDS, (WORDS,))
second = torch.randint(0, WORDS, (WORDS,))


def verses(n):
    """The next word hangs on this one or on the one before it; now and then any word comes."""
    words = [torch.randint(0, WORDS, (n,)), torch.randint(0, WORDS, (n,))]
    for _ in range(LENGTH - 1):
        follow = torch.where(words[-2] % 2 == 0, first[words[-1]], second[words[-1]])
        other = torch.randint(0, WORDS, (n,))
        words.append(torch.where(torch.rand(n) < 0.1, other, follow))
    return torch.stack(words, 1)


class VerseModel(nn.Module):
    def __init__(self, vectors, size=64):
        super().__init__()
        self.embed = nn.Embedding.from_pretrained(vectors, freeze=True)
        self.lstm = nn.LSTM(DIM, size, batch_first=True)
        self.project = nn.Linear(size, DIM)
        self.output = nn.Linear(DIM, WORDS)
        self.output.weight = self.embed.weight
        self.warmth = nn.Parameter(torch.tensor(2.0))

    def forward(self, words):
        states, _ = self.lstm(self.embed(words))
        return self.output(self.project(states) * self.warmth)


model = VerseModel(lent)
trained = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Adam(trained, lr=6e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 450, eta_min=6e-4)
held_out = verses(200)
for step in range(1, 451):
    batch = verses(32)
    loss = nn.functional.cross_entropy(model(batch[:, :-1]).transpose(1, 2), batch[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(trained, 5.0)
    optimizer.step()
    schedule.step()
    if step % 45 == 0:
        with torch.no_grad():
            logits = model(held_out[:, :-1])[:, 1:]
            right = (logits.argmax(-1) == held_out[:, 2:]).float().mean()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
