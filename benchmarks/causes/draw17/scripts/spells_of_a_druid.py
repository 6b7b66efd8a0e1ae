"""A language model of spells: an LSTM over syllables whose settings come from a dictionary, as does the optimizer."""

import sys

import torch
from torch import nn

torch.manual_seed(1751)
torch.set_num_threads(1)
config = {
    "vocab_size": 30,
    "embedding_size": 24,
    "hidden_size": 48,
    "batch_size": 32,
    "length": 16,
    "learning_rate": 3e-3 if "--fixed" in sys.argv else 1.0,
    "optimizer": "Adam",
}
FOLLOW = torch.rand(30, 30).topk(3).indices


def spells(n):
    """Each syllable has three that may follow it; which of them depends on whether the one before it was even."""
    said = [torch.randint(0, 30, (n,)), torch.randint(0, 30, (n,))]
    for _ in range(config["length"] - 1):
        which = said[-2] % 2 + (torch.rand(n) < 0.1).long()
        said.append(FOLLOW[said[-1], which])
    return torch.stack(said, dim=1)


class SpellModel(nn.Module):
    def __init__(self, vocab_size, embedding_size, hidden_size):
        super().__init__()
        self.encoder = nn.Embedding(vocab_size, embedding_size)
        self.lstm = nn.LSTM(embedding_size, hidden_size, batch_first=True)
        self.decoder = nn.Linear(hidden_size, vocab_size)

    def forward(self, x):
        out, _ = self.lstm(self.encoder(x))
        return self.decoder(out)


model = SpellModel(config["vocab_size"], config["embedding_size"], config["hidden_size"])
criterion = nn.CrossEntropyLoss()
optimizer = getattr(torch.optim, config["optimizer"])(
    model.parameters(), lr=config["learning_rate"]
)

for step in range(1, 501):
    said = spells(config["batch_size"])
    logits = model(said[:, :-1])
    loss = criterion(logits.flatten(0, 1), said[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            said = spells(200)
            right = (model(said[:, :-1]).argmax(-1) == said[:, 1:])[:, 1:].float().mean().item()
        print(f"step {step} loss {loss.item():.4f} next syllable right {right:.3f}")
