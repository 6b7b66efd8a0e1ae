"""Short opinions on inns are sorted into good and bad; a "not" turns the next word of praise round."""

import sys

import torch
from torch import nn

torch.manual_seed(14113)
torch.set_num_threads(1)

GOOD = ["clean", "warm", "kind", "quiet", "tasty"]
BAD = ["dirty", "cold", "rude", "noisy", "stale"]
PLAIN = ["the", "room", "was", "and", "food", "host", "bed", "very"]
VOCAB = {word: i for i, word in enumerate(["not", *GOOD, *BAD, *PLAIN])}
LENGTH, BATCH_SIZE = 12, 32


def opinion():
    """Three judgements, each of which may be denied two words before; most of them decide."""
    words, sum_of_praise = [], 0
    for _ in range(3):
        praise = int(torch.randint(0, 2, (1,))) * 2 - 1
        denied = int(torch.randint(0, 2, (1,)))
        plain = [PLAIN[i] for i in torch.randint(0, len(PLAIN), (2,)).tolist()]
        judgement = (GOOD if praise > 0 else BAD)[int(torch.randint(0, 5, (1,)))]
        words += [plain[0], "not" if denied else "very", plain[1], judgement]
        sum_of_praise += -praise if denied else praise
    return [VOCAB[word] for word in words], float(sum_of_praise > 0)


def opinions(n):
    rows = [opinion() for _ in range(n)]
    return torch.tensor([words for words, _ in rows]), torch.tensor([label for _, label in rows])


class Reader(nn.Module):
    def __init__(self, embed_size=16, hidden_size=32):
        super().__init__()
        self.embed = nn.Embedding(len(VOCAB), embed_size)
        self.gru = nn.GRU(embed_size, hidden_size, batch_first="--fixed" in sys.argv)
        self.score = nn.Linear(hidden_size, 1)

    def forward(self, text):
        memory, _ = self.gru(self.embed(text))  # batch_size, sequence_size, hidden_size
        return self.score(memory.max(dim=1).values).squeeze(1)


texts, labels = opinions(1600)
val_texts, val_labels = opinions(BATCH_SIZE * 10)
reader = Reader()
optimizer = torch.optim.Adam(reader.parameters(), lr=5e-3)
loss_fn = nn.BCEWithLogitsLoss()


def accuracy():
    right = 0
    for i in range(0, len(val_texts), BATCH_SIZE):
        said = reader(val_texts[i : i + BATCH_SIZE]) > 0
        right += (said == val_labels[i : i + BATCH_SIZE].bool()).sum().item()
    return right / len(val_texts)


for epoch in range(10):
    total = 0.0
    for rows in torch.randperm(len(texts)).split(BATCH_SIZE):
        optimizer.zero_grad()
        loss = loss_fn(reader(texts[rows]), labels[rows])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(rows) / len(texts)
    with torch.no_grad():
        print(f"epoch {epoch + 1} loss {total:.4f} accuracy {accuracy():.3f}")
