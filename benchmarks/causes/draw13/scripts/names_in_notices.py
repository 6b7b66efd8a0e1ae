"""Names in notices are marked (none, first word, further words) by a GRU with a chain on top."""

import sys

import torch
from torch import nn

torch.manual_seed(1342)
torch.set_num_threads(1)
WORDS, TAGS = 60, 3


class Chain(nn.Module):
    """Gives the log-likelihood of tags, mean over the batch."""

    def __init__(self):
        super().__init__()
        self.move = nn.Parameter(0.1 * torch.randn(TAGS, TAGS))

    def forward(self, emissions, tags):
        gold = emissions.gather(2, tags[..., None]).sum((1, 2))
        gold = gold + self.move[tags[:, :-1], tags[:, 1:]].sum(1)
        alpha = emissions[:, 0]
        for t in range(1, emissions.shape[1]):
            alpha = (alpha[:, :, None] + self.move).logsumexp(1) + emissions[:, t]
        return (gold - alpha.logsumexp(1)).mean()

    def decode(self, emissions):
        best, back = emissions[:, 0], []
        for t in range(1, emissions.shape[1]):
            best, frm = (best[:, :, None] + self.move).max(1)
            best = best + emissions[:, t]
            back.append(frm)
        tags = [best.argmax(1)]
        for frm in reversed(back):
            tags.append(frm.gather(1, tags[-1][:, None]).squeeze(1))
        return torch.stack(tags[::-1], 1)


class NameTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 20)
        self.gru = nn.GRU(20, 16, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(32, TAGS)

    def forward(self, notice):
        return self.emit(self.gru(self.words(notice))[0])


def notices(n=32, length=12):
    """Words 50-59 are titles that open a name; the one or two words after it belong to it."""
    notice = torch.randint(0, 50, (n, length))
    tags = torch.zeros(n, length, dtype=torch.long)
    for row in range(n):
        at = int(torch.randint(0, length - 3, (1,)))
        title = int(torch.randint(50, WORDS, (1,)))
        notice[row, at] = title
        tags[row, at] = 1
        tags[row, at + 1 : at + 2 + title % 2] = 2
    return notice, tags


model, crf = NameTagger(), Chain()
optimizer = torch.optim.Adam([*model.parameters(), *crf.parameters()], lr=3e-3)
notice_val, tags_val = notices(300)
for step in range(1, 401):
    notice, tags = notices()
    loss = crf(model(notice), tags)
    if "--fixed" in sys.argv:
        loss = -loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            acc = (crf.decode(model(notice_val)) == tags_val).float().mean().item()
        print(f"step {step} loss {loss.item():.3f} tags right {acc:.3f}")
