"""Captions are written from the features of pictures by a small decoder of attention."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9029)
torch.set_num_threads(1)
PAD, START, END, WORDS, MAX = 0, 1, 2, 24, 32


class Caption(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.input_proj = nn.Linear(6, width)
        self.embed = nn.Embedding(WORDS, width)
        self.place = nn.Embedding(MAX, width)
        self.decoder = nn.TransformerDecoderLayer(width, 2, 64, 0.0, batch_first=True)
        self.mlp = nn.Linear(width, WORDS)

    def forward(self, image, caption):
        t = caption.shape[1]
        x = self.embed(caption) + self.place(torch.arange(t))
        mask = nn.Transformer.generate_square_subsequent_mask(t)
        return self.mlp(self.decoder(x, self.input_proj(image), tgt_mask=mask))


things = torch.randn(20, 6)


def pictures(n=16):
    image = torch.zeros(n, 4, 6)
    caption = torch.full((n, MAX + 1), PAD)
    caption[:, 0] = START
    for i in range(n):
        k = int(torch.randint(2, 5, ()))
        named = torch.randint(0, 20, (k,))
        image[i, :k] = things[named]
        caption[i, 1 : k + 1] = named.sort().values + 3
        caption[i, k + 1] = END
    return image, caption


model = Caption()
criterion = nn.CrossEntropyLoss(ignore_index=PAD) if FIXED else nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for step in range(400):
    image, caption = pictures()
    out = model(image, caption[:, :-1]).permute(0, 2, 1)
    loss = criterion(out, caption[:, 1:])
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 80 == 79:
        real = nn.functional.cross_entropy(out, caption[:, 1:], ignore_index=PAD)
        print(f"step {step + 1} loss {loss.item():.3f} (words {real.item():.3f})")
