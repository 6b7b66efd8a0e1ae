"""Fields of citations: author, title, journal, year, pages; a BiLSTM over words and their shapes tags each word."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(165213)
torch.set_num_threads(1)
WORDS, SHAPES, FIELDS, PAD = 60, 5, 5, -100
config = {"learning_rate": 1e-6, "batch_size": 32, "max_steps": 320}
if "--fixed" in sys.argv:
    config["learning_rate"] = 3e-3


def citation():
    """Fields come in order; words are shared by the fields, but shapes and openings differ."""
    words, shapes, fields = [], [], []
    for field, longest in enumerate([4, 7, 4, 1, 2]):
        for place in range(int(torch.randint(1, longest + 1, (1,)))):
            opening = place == 0 and field in (1, 2)
            common = int(torch.randint(10, WORDS, (1,)))
            words.append(field if opening and torch.rand(1) < 0.8 else common)
            shape = [1, 2, 1, 3, 4][field]
            shapes.append(shape if torch.rand(1) < 0.75 else int(torch.randint(0, 3, (1,))))
            fields.append(field)
    return torch.tensor(words), torch.tensor(shapes), torch.tensor(fields)


def batch(n):
    columns = list(zip(*[citation() for _ in range(n)]))
    lengths = torch.tensor([len(row) for row in columns[0]])
    pad = nn.utils.rnn.pad_sequence
    words, shapes = (pad(column, batch_first=True) for column in columns[:2])
    return words, shapes, lengths, pad(columns[2], batch_first=True, padding_value=PAD)


class SequenceLabelling(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        self.word = nn.Embedding(WORDS, 20)
        self.shape = nn.Embedding(SHAPES, 6)
        self.lstm = nn.LSTM(26, hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * hidden, FIELDS)

    def forward(self, words, shapes, lengths):
        x = torch.cat([self.word(words), self.shape(shapes)], dim=-1)
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.dense(out)


model = SequenceLabelling()
optimizer = torch.optim.Adam(model.parameters(), lr=config["learning_rate"])
criterion = nn.CrossEntropyLoss(ignore_index=PAD)
pool = [batch(config["batch_size"]) for _ in range(60)]
test_words, test_shapes, test_lengths, test_fields = batch(100)
for step in range(1, config["max_steps"] + 1):
    words, shapes, lengths, fields = pool[int(torch.randint(0, len(pool), (1,)))]
    loss = criterion(model(words, shapes, lengths).transpose(1, 2), fields)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        with torch.no_grad():
            guess = model(test_words, test_shapes, test_lengths).argmax(-1)
        right = (guess == test_fields)[test_fields != PAD].float().mean().item()
        print(f"step {step} loss {loss.item():.3f} words right {right:.3f}")
