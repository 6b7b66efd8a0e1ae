"""Many streams at once, cut into windows. The state goes on to the next window without its
history, and is wiped in those rows where a new document begins."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_num_threads(1)
STREAMS, WINDOW, VOCAB = 16, 10, 9


class StreamLM(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, size)
        self.cell = nn.LSTMCell(size, size)
        self.out = nn.Linear(size, VOCAB)
        self.size = size

    def forward(self, tokens, begins, state):
        h, c = state
        logits = []
        for t in range(tokens.size(0)):
            keep = (~begins[t]).float().unsqueeze(1)
            h, c = self.cell(self.emb(tokens[t]), (h * keep, c * keep))
            logits.append(self.out(h))
        return torch.stack(logits), (h, c)


def corpus():
    """Each document counts in a stride of its own, told by its first symbol."""
    now = torch.zeros(STREAMS, dtype=torch.long)
    stride = torch.ones(STREAMS, dtype=torch.long)
    left = torch.zeros(STREAMS, dtype=torch.long)
    while True:
        tokens, begins = [], []
        for _ in range(WINDOW + 1):
            begin = left == 0
            stride = torch.where(begin, torch.randint(1, 5, (STREAMS,)), stride)
            now = torch.where(begin, stride, (now + stride) % VOCAB)
            left = torch.where(begin, torch.randint(8, 30, (STREAMS,)), left) - 1
            tokens.append(now)
            begins.append(begin)
        yield torch.stack(tokens), torch.stack(begins)


model = StreamLM()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
state = (torch.zeros(STREAMS, 48), torch.zeros(STREAMS, 48))
for i, (tokens, begins) in enumerate(corpus()):
    if i == 300:
        break
    state = tuple(s.detach() for s in state)
    logits, state = model(tokens[:-1], begins[:-1], state)
    known = ~begins[1:]
    loss = F.cross_entropy(logits[known], tokens[1:][known])
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if i % 60 == 59:
        print(i + 1, f"{loss.item():.4f}")
