"""Which words of a herbal name a plant, a part or, seldom, a poison? Entries are of unlike length."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(1761)
torch.set_num_threads(1)
PLANTS, PARTS, WORDS = 12, 6, 40
NOTHING, PLANT, PART, POISON, IGNORE = 0, 1, 2, 3, -100
FOLLOWS = 39  # a plant that is followed by this word is a poison


def entry():
    length = int(torch.randint(3, 16, ()))
    words = torch.randint(1, FOLLOWS, (length,))
    tags = torch.full((length,), NOTHING)
    tags[words <= PLANTS] = PLANT
    tags[(words > PLANTS) & (words <= PLANTS + PARTS)] = PART
    for i in (tags[:-1] == PLANT).nonzero().flatten().tolist():
        if torch.rand(()) < 0.12:
            words[i + 1], tags[i + 1], tags[i] = FOLLOWS, NOTHING, POISON
    return words, tags


def batch(n):
    words, tags = zip(*[entry() for _ in range(n)], strict=True)
    lengths = torch.tensor([len(w) for w in words])
    words = pad_sequence(list(words), batch_first=True)
    return words, lengths, pad_sequence(list(tags), batch_first=True, padding_value=IGNORE)


class Tagger(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, size, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * size, 4)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.embed(words), lengths, batch_first=True, enforce_sorted=False
        )
        rows, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.tag(rows)


model = Tagger()
weights = torch.tensor([1.0, 1.0, 1.0, 4.0])
criterion = nn.CrossEntropyLoss(weight=weights, ignore_index=IGNORE)
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 301):
    words, lengths, tags = batch(24)
    loss = criterion(model(words, lengths).flatten(0, 1), tags.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 30 == 0:
        with torch.no_grad():
            words, lengths, tags = batch(150)
            guess = model(words, lengths).argmax(2)
        right = (guess == tags)[tags != IGNORE].float().mean().item()
        found = (guess == tags)[tags == POISON].float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f} poisons found {found:.3f}")
