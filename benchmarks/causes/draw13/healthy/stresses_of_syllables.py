"""Is a syllable stressed? Words of uneven lengths; the filling is left out of packing and loss."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(1354)
torch.set_num_threads(1)
SYLLABLES = 24


def words(n):
    """A heavy syllable (under eight) is stressed unless another one stands before it."""
    data = []
    for length in torch.randint(3, 13, (n,)).tolist():
        word = torch.randint(1, SYLLABLES, (length,))
        heavy = word < 8
        before = torch.cat([torch.zeros(1, dtype=torch.bool), heavy[:-1]])
        data.append((word, (heavy & ~before).long()))
    return data


def collate(batch):
    word, stress = zip(*batch, strict=True)
    lengths = torch.tensor([len(w) for w in word])
    stress = pad_sequence(stress, batch_first=True, padding_value=-100)
    return pad_sequence(word, batch_first=True), lengths, stress


class Tagger(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(SYLLABLES, 16, padding_idx=0)
        self.gru = nn.GRU(16, size, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * size, 2)

    def forward(self, word, lengths):
        packed = pack_padded_sequence(
            self.embed(word), lengths, batch_first=True, enforce_sorted=False
        )
        return self.out(pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0])


loader = DataLoader(words(1200), 30, shuffle=True, collate_fn=collate)
held_out = collate(words(300))
model = Tagger()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for epoch in range(1, 9):
    for word, lengths, stress in loader:
        logits = model(word, lengths)
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), stress, ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        word, lengths, stress = held_out
        kept = stress >= 0
        right = (model(word, lengths).argmax(-1) == stress)[kept].float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} right {right:.3f}")
