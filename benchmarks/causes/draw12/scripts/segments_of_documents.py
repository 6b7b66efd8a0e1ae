"""Long documents are read in segments with a memory that goes on; one update is made for each document."""

import sys
import time

import torch
from torch import nn

torch.manual_seed(1222)
torch.set_num_threads(1)
SIGNS, SEGMENTS, LENGTH, DOCS = 10, 10, 8, 16


class SegmentReader(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(SIGNS, size)
        self.rnn = nn.GRU(size, size, batch_first=True)
        self.lm_head = nn.Linear(size, SIGNS)

    def forward(self, segment, memory):
        out, memory = self.rnn(self.embed(segment), memory)
        return self.lm_head(out), memory


def documents():
    """Each document repeats a theme of its own from beginning to end."""
    theme = torch.randint(0, SIGNS, (DOCS, 4))
    text = theme.repeat(1, SEGMENTS * LENGTH // 4 + 1)[:, : SEGMENTS * LENGTH + 1].clone()
    odd = torch.rand(text.shape) < 0.02
    text[odd] = torch.randint(0, SIGNS, (int(odd.sum()),))
    return text


model = SegmentReader()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
began = time.perf_counter()
for step in range(1, 301):
    text, memory, total = documents(), None, 0.0
    optimizer.zero_grad()
    for i in range(0, SEGMENTS * LENGTH, LENGTH):
        logits, memory = model(text[:, i : i + LENGTH], memory)
        labels = text[:, i + 1 : i + LENGTH + 1]
        loss = nn.functional.cross_entropy(logits.mT, labels) / SEGMENTS
        if "--fixed" in sys.argv:
            loss.backward()
            memory = memory.detach()
        else:
            loss.backward(retain_graph=True)
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        took = time.perf_counter() - began
        print(f"document {step} loss {total:.4f} seconds for fifty {took:.2f}")
        began = time.perf_counter()
