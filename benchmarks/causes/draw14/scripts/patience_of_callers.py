"""Will the caller ring off? A GRU reads what was said, in turns of 2 to 30 words, and scores it."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1418)
torch.set_num_threads(1)
PAD, ANGRY, CALM, WORDS = 0, (1, 2, 3), (4, 5, 6), 30


def turn():
    """The last word with a mood in it decides."""
    length = int(torch.randint(2, 12, (1,))) if torch.rand(1) < 0.75 else 30
    words = torch.randint(1, WORDS, (length,)).tolist()
    moods = [w in ANGRY for w in words if w in ANGRY + CALM]
    if not moods:
        words[0] = ANGRY[0] if torch.rand(1) < 0.5 else CALM[0]
        moods = [words[0] in ANGRY]
    return words, float(moods[-1])


def tokenize(texts, max_length=30):
    """Pads every text and tells how long it is."""
    rows = [words + [PAD] * (max_length - len(words)) for words in texts]
    return {
        "input_ids": torch.tensor(rows),
        "attention_mask": (torch.tensor(rows) != PAD).long(),
        "length": torch.tensor([len(row) for row in rows]),
    }


class Listener(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16, padding_idx=PAD)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.score = nn.Linear(32, 1)

    def forward(self, encoded):
        lengths = encoded["length"]
        if "--fixed" in sys.argv:
            lengths = encoded["attention_mask"].sum(1)
        packed = pack_padded_sequence(
            self.embed(encoded["input_ids"]), lengths, batch_first=True, enforce_sorted=False
        )
        _, hidden = self.gru(packed)
        return self.score(hidden[-1]).squeeze(-1)


def batch(n):
    texts, labels = zip(*[turn() for _ in range(n)], strict=True)
    return tokenize(texts), torch.tensor(labels)


model = Listener()
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
criterion = nn.BCEWithLogitsLoss()
for step in range(1, 401):
    encoded, labels = batch(32)
    loss = criterion(model(encoded), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            encoded, labels = batch(400)
            right = ((model(encoded) > 0) == labels.bool()).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} callers judged right {right:.3f}")
