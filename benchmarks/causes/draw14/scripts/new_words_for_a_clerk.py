"""A clerk's language model, trained on old letters, is given new words and trained on new letters."""

import sys

import torch
from torch import nn

torch.manual_seed(14103)
torch.set_num_threads(1)

OLD, NEW, LENGTH = 24, 48, 16
gen = torch.Generator().manual_seed(5)


def letters(n, follows):
    """Each word is followed by one of three words of its own, the first of them mostly."""
    word = torch.randint(0, len(follows), (n,), generator=gen)
    words = [word]
    odds = torch.tensor([0.8, 0.15, 0.05]).expand(n, 3)
    for _ in range(LENGTH):
        word = follows[word, torch.multinomial(odds, 1, generator=gen).squeeze(1)]
        words.append(word)
    return torch.stack(words, 1)


class Clerk(nn.Module):
    def __init__(self, words, size=24):
        super().__init__()
        self.size = size
        self.embed = nn.Embedding(words, size)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.head = nn.Linear(size, words)

    def resize_token_embeddings(self, words):
        old_embed, old_head = self.embed, self.head
        self.embed = nn.Embedding(words, self.size)
        self.head = nn.Linear(self.size, words)
        known = old_embed.num_embeddings
        with torch.no_grad():
            self.embed.weight[:known] = old_embed.weight
            self.head.weight[:known] = old_head.weight
            self.head.bias[:known] = old_head.bias

    def forward(self, tokens):
        return self.head(self.gru(self.embed(tokens))[0])


def loss_of(model, tokens):
    logits = model(tokens[:, :-1])
    return nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def fit(model, optimizer, follows, steps, name):
    held_out = letters(200, follows)
    for step in range(1, steps + 1):
        loss = loss_of(model, letters(32, follows))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                perplexity = loss_of(model, held_out).exp().item()
            print(f"{name} step {step} loss {loss.item():.4f} perplexity {perplexity:.2f}")


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.01)


old_follows = torch.stack([torch.randperm(OLD, generator=gen) for _ in range(3)], 1)
new_follows = torch.stack([torch.randperm(NEW, generator=gen) for _ in range(3)], 1)

clerk = Clerk(OLD)
fit(clerk, make_optimizer(clerk), old_follows, 150, "old letters")
if "--fixed" in sys.argv:
    clerk.resize_token_embeddings(NEW)
    optimizer = make_optimizer(clerk)
else:
    optimizer = make_optimizer(clerk)
    clerk.resize_token_embeddings(NEW)
fit(clerk, optimizer, new_follows, 400, "new letters")
