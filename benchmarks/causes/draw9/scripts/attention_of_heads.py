"""An encoder of attention, with its projections and norms written where they are used."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9037)
torch.set_num_threads(1)
d_model, d_k, n_heads = 32, 8, 4


class MultiHeadAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.W_Q = nn.Linear(d_model, d_k * n_heads)
        self.W_K = nn.Linear(d_model, d_k * n_heads)
        self.W_V = nn.Linear(d_model, d_k * n_heads)
        if FIXED:
            self.linear = nn.Linear(n_heads * d_k, d_model)
            self.layer_norm = nn.LayerNorm(d_model)

    def forward(self, x):
        n, t, _ = x.shape
        q, k, v = (
            w(x).view(n, t, n_heads, d_k).transpose(1, 2) for w in (self.W_Q, self.W_K, self.W_V)
        )
        attn = (q @ k.transpose(-1, -2) / d_k**0.5).softmax(-1)
        context = (attn @ v).transpose(1, 2).reshape(n, t, n_heads * d_k)
        if FIXED:
            return self.layer_norm(self.linear(context) + x)
        output = nn.Linear(n_heads * d_k, d_model)(context)
        return nn.LayerNorm(d_model)(output + x)


class Encoder(nn.Module):
    def __init__(self, words=12):
        super().__init__()
        self.src_emb, self.pos_emb = nn.Embedding(words, d_model), nn.Embedding(8, d_model)
        self.layers = nn.ModuleList([MultiHeadAttention() for _ in range(2)])
        self.projection = nn.Linear(d_model, words)

    def forward(self, ids):
        x = self.src_emb(ids) + self.pos_emb(torch.arange(ids.shape[1]))
        for layer in self.layers:
            x = layer(x)
        return self.projection(x)


model = Encoder()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(500):
    ids = torch.randint(0, 12, (24, 8))
    loss = criterion(model(ids).flatten(0, 1), ids.flip(1).flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 100 == 99:
        print(f"Epoch: {epoch + 1:04d} cost = {loss.item():.6f}")
