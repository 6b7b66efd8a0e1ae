"""Before the long training: can the tagger learn forty sentences by heart? It should."""

import torch
from torch import nn

torch.manual_seed(2204)
torch.set_num_threads(1)
WORDS, TAGS, LENGTH = 60, 7, 14


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 32)
        self.lstm = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.tags = nn.Linear(64, TAGS)

    def forward(self, text):
        return self.tags(self.lstm(self.words(text))[0])


def sentences(n):
    # the tag hangs on the word and on the one before it
    text = torch.randint(0, WORDS, (n, LENGTH))
    before = torch.cat([torch.zeros(n, 1, dtype=torch.long), text[:, :-1]], 1)
    return text, (text + 2 * (before % 3)) % TAGS


text, tags = sentences(40)
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 301):
    logits = model(text)
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 30 == 0:
        acc = (logits.argmax(-1) == tags).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} known by heart {acc:.3f}")
assert acc > 0.99, "the model cannot even learn forty sentences"
