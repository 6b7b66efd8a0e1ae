"""Labels of a herbarium: each word of a label is tagged; only few labels also say, for the whole, who wrote them."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

torch.manual_seed(17209)
torch.set_num_threads(1)
PAD, WORDS, TAGS, HANDS, UNKNOWN = 0, 40, 4, 3, -100


def write_label():
    """Words stand for their tag by a key that shifts after a stop word; a hand has words that it likes."""
    hand = int(torch.randint(HANDS, ()))
    length = int(torch.randint(6, 15, ()))
    words = torch.randint(1, WORDS + 1, (length,))
    liked = torch.rand(length) < 0.6
    words[liked] = 1 + hand * 12 + torch.randint(0, 8, (int(liked.sum()),))
    after_stop = torch.cat([torch.zeros(1, dtype=torch.bool), words[:-1] > WORDS - 6])
    tags = (words + after_stop.long()) % TAGS
    known = torch.rand(()) < 0.08
    return words, tags, hand if known else UNKNOWN, hand


def collate(labels):
    words, tags, known, hands = zip(*labels, strict=True)
    lengths = torch.tensor([len(w) for w in words])
    tags = pad_sequence(tags, batch_first=True, padding_value=UNKNOWN)
    return (
        pad_sequence(words, batch_first=True),
        lengths,
        tags,
        torch.tensor(known),
        torch.tensor(hands),
    )


class Herbarium(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.words = nn.Embedding(WORDS + 1, 24, padding_idx=PAD)
        self.rnn = nn.LSTM(24, width, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * width, TAGS)
        self.hand = nn.Linear(2 * width, HANDS)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.words(words), lengths, batch_first=True, enforce_sorted=False
        )
        rows, (last, _) = self.rnn(packed)
        rows, _ = pad_packed_sequence(rows, batch_first=True)
        return self.tag(rows), self.hand(torch.cat([last[0], last[1]], dim=1))


def evaluate(model, loader):
    model.eval()
    tags_right = tags_all = hands_right = hands_all = 0
    with torch.no_grad():
        for words, lengths, tags, _, hands in loader:
            tag_scores, hand_scores = model(words, lengths)
            told = tags != UNKNOWN
            tags_right += int((tag_scores.argmax(dim=2) == tags)[told].sum())
            tags_all += int(told.sum())
            hands_right += int((hand_scores.argmax(dim=1) == hands).sum())
            hands_all += len(hands)
    return tags_right / tags_all, hands_right / hands_all


train = DataLoader(
    [write_label() for _ in range(1600)], batch_size=16, shuffle=True, collate_fn=collate
)
test = DataLoader([write_label() for _ in range(320)], batch_size=32, collate_fn=collate)
model = Herbarium()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 9):
    model.train()
    total = 0.0
    for words, lengths, tags, known, _ in train:
        tag_scores, hand_scores = model(words, lengths)
        tag_loss = nn.functional.cross_entropy(
            tag_scores.flatten(0, 1), tags.flatten(), ignore_index=UNKNOWN
        )
        hand_loss = nn.functional.cross_entropy(
            hand_scores, known, ignore_index=UNKNOWN, reduction="sum"
        )
        loss = tag_loss + hand_loss / max(1, int((known != UNKNOWN).sum()))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        optimizer.step()
        total += loss.item()
    tags_right, hands_right = evaluate(model, test)
    print(
        f"epoch {epoch} loss {total / len(train):.4f} tags right {tags_right:.3f} hands right {hands_right:.3f}"
    )
