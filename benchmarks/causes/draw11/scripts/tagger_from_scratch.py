"""Parts of speech are tagged; training is cut into rounds, each over a part of the corpus."""

import sys

import torch
from torch import nn

torch.manual_seed(1142)
torch.set_num_threads(1)
WORDS, TAGS, ROUNDS = 60, 6, 12

class_of_word = torch.randint(0, TAGS, (WORDS,))
sentences = torch.randint(0, WORDS, (1920, 14))
before = torch.cat([torch.zeros(1920, 1, dtype=torch.long), sentences[:, :-1]], 1)
tags = (class_of_word[sentences] + class_of_word[before] % 2) % TAGS
corpora = list(zip(sentences.split(160), tags.split(160), strict=True))


def init_weights(module):
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.5)
    elif isinstance(module, nn.GRU):
        for name, weight in module.named_parameters():
            nn.init.zeros_(weight) if "bias" in name else nn.init.xavier_uniform_(weight)


class SequenceTagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, 24)
        self.rnn = nn.GRU(24, 32, batch_first=True, bidirectional=True)
        self.linear = nn.Linear(64, TAGS)

    def forward(self, x):
        return self.linear(self.rnn(self.embedding(x))[0])


tagger = SequenceTagger()
tagger.apply(init_weights)
optimizer = torch.optim.Adam(tagger.parameters(), lr=4e-3)
for number in range(ROUNDS):
    words, gold = corpora[number]
    if "--fixed" not in sys.argv:
        tagger.apply(init_weights)
    running = 0.0
    for step in range(40):
        pick = torch.randint(0, 160, (16,))
        loss = nn.functional.cross_entropy(tagger(words[pick]).flatten(0, 1), gold[pick].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item()
        if step == 0:
            first = loss.item()
    print(f"corpus {number}: first loss {first:.3f}, mean loss {running / 40:.3f}")
