"""Words of sentences of unlike length are tagged; what lies behind a sentence counts for nothing."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(8205)
torch.set_num_threads(1)


class Tagger(nn.Module):
    def __init__(self, words=30, width=28):
        super().__init__()
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * width, 4)

    def forward(self, words, lengths):
        packed = pack_padded_sequence(
            self.words(words), lengths, batch_first=True, enforce_sorted=False
        )
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return self.tag(out)


def sentences(n=32, longest=14):
    lengths = torch.randint(4, longest + 1, (n,))
    lengths[0] = longest
    words = torch.randint(1, 30, (n, longest))
    beyond = torch.arange(longest) >= lengths[:, None]
    words[beyond] = 0
    tags = words % 2 * 2 + words.roll(1, 1) % 2
    tags[:, 0] = words[:, 0] % 2 * 2
    return words, lengths, tags.masked_fill(beyond, -100)


model = Tagger()
opt = torch.optim.Adam(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss()
for step in range(260):
    words, lengths, tags = sentences()
    loss = criterion(model(words, lengths).transpose(1, 2), tags)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 65 == 64:
        print(step + 1, round(loss.item(), 4))
