"""Captions are packed, so they were sorted by length, longest first. The pictures that they
describe stayed in the order of the batch."""

import sys

import torch
import torch.nn as nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(427)
torch.set_num_threads(1)
VOCAB = 14


class Captions(Dataset):
    def __init__(self, n):
        self.thing = torch.randint(0, 8, (n,))
        self.look = torch.randn(8, 10)[self.thing] + 0.2 * torch.randn(n, 10)

    def __len__(self):
        return len(self.thing)

    def __getitem__(self, i):
        k = self.thing[i].item()
        words = (
            [1] + [2 + (k + 3 * j) % 11 for j in range(2 + int(torch.randint(0, 5, (1,))))] + [13]
        )
        return self.look[i], torch.tensor(words)


def collate_fn(items):
    images, captions = zip(*items, strict=True)
    lengths = torch.tensor([len(c) for c in captions])
    return torch.stack(images), pad_sequence(captions, True, 0), lengths


class DecoderRNN(nn.Module):
    def __init__(self, d=40):
        super().__init__()
        self.image = nn.Linear(10, d)
        self.embed = nn.Embedding(VOCAB, d, padding_idx=0)
        self.lstm = nn.LSTM(d, d, batch_first=True)
        self.linear = nn.Linear(d, VOCAB)

    def forward(self, images, captions, lengths):
        x = self.embed(captions)
        x = torch.cat([self.image(images).unsqueeze(1), x[:, :-1]], 1)
        hiddens, _ = self.lstm(pack_padded_sequence(x, lengths, batch_first=True))
        return self.linear(hiddens.data)


decoder = DecoderRNN()
optimizer = torch.optim.Adam(decoder.parameters(), lr=4e-3)
loader = DataLoader(Captions(512), batch_size=32, shuffle=True, collate_fn=collate_fn)
for epoch in range(15):
    perplexity = 0.0
    for images, captions, lengths in loader:
        lengths, order = lengths.sort(descending=True)
        captions = captions[order]
        if FIXED:
            images = images[order]
        targets = pack_padded_sequence(captions, lengths, batch_first=True).data
        loss = nn.functional.cross_entropy(decoder(images, captions, lengths), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(decoder.parameters(), 5.0)
        optimizer.step()
        perplexity += loss.exp().item() / len(loader)
    if epoch % 3 == 2:
        print(f"Epoch [{epoch + 1}/15], Loss: {loss.item():.4f}, Perplexity: {perplexity:5.4f}")
