"""A small causal transformer learns arithmetic rows; the rate warms up and falls along a cosine to its end."""

import math

import torch
from torch import nn

torch.manual_seed(2201)
torch.set_num_threads(1)
VOCAB, LENGTH, STEPS, WARMUP = 16, 18, 500, 50


def rows(n=24):
    """Each row goes on by a stride of its own, modulo the size of the alphabet."""
    start, stride = torch.randint(0, VOCAB, (n, 1)), torch.randint(1, 6, (n, 1))
    return (start + stride * torch.arange(LENGTH + 1)) % VOCAB


class TinyDecoder(nn.Module):
    def __init__(self, width=48):
        super().__init__()
        self.token = nn.Embedding(VOCAB, width)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        block = nn.TransformerEncoderLayer(
            width, 4, 96, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, 2, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCAB)

    def forward(self, tokens):
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.size(1))
        x = self.blocks(self.token(tokens) + self.place, mask=mask, is_causal=True)
        return self.head(self.norm(x))


def rate(step):
    if step < WARMUP:
        return (step + 1) / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (STEPS - WARMUP)))


model = TinyDecoder()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
for step in range(1, STEPS + 1):
    x = rows()
    logits = model(x[:, :-1])
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), x[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.4f} lr {scheduler.get_last_lr()[0]:.2e}")
