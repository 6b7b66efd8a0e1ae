"""Reviews are summed up by the words that were marked in them, with an encoder, attention and a decoder."""

import sys

import torch
from torch import nn

torch.manual_seed(1210)
torch.set_num_threads(1)
WORDS, GO, MARK, LENGTH, SAID = 20, 20, 21, 12, 3


class Summariser(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(22, size)
        self.encoder = nn.GRU(size, size, batch_first=True)
        self.decoder = nn.GRU(size, size, batch_first=True)
        self.out = nn.Linear(2 * size, WORDS)

    def forward(self, review, dec_input, state=None, memory=None):
        if memory is None:
            memory, state = self.encoder(self.embed(review))
        said, state = self.decoder(self.embed(dec_input), state)
        weight = (said @ memory.transpose(1, 2) / 7).softmax(-1)
        return self.out(torch.cat([said, weight @ memory], -1)), state, memory


def process_decoding_input(summary):
    if "--fixed" in sys.argv:
        go = torch.full_like(summary[:, :1], GO)
        return torch.cat([go, summary[:, :-1]], 1)
    return summary


def reviews(n=48):
    """The word after each mark belongs to the summary."""
    review = torch.randint(0, WORDS, (n, LENGTH))
    at = torch.rand(n, LENGTH // 2).argsort(1)[:, :SAID].sort(1).values * 2
    review.scatter_(1, at, MARK)
    return review, review.gather(1, at + 1)


def greedy(model, review):
    word, state, memory = torch.full((len(review), 1), GO), None, None
    said = []
    with torch.no_grad():
        for _ in range(SAID):
            scores, state, memory = model(review, word, state, memory)
            word = scores.argmax(-1)
            said.append(word)
    return torch.cat(said, 1)


model = Summariser()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(1, 801):
    review, summary = reviews()
    scores, _, _ = model(review, process_decoding_input(summary))
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), summary.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    if step % 100 == 0:
        review, summary = reviews(300)
        right = (greedy(model, review) == summary).float().mean()
        print(f"step {step} loss {loss.item():.4f} words right in free summaries {right:.3f}")
