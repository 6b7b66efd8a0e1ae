"""The last word of a query gives its topic away; queries are packed for the recurrent layer."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

torch.manual_seed(1318)
torch.set_num_threads(1)
VOCAB, TOPICS = 36, 6


class QueryNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, 16, padding_idx=0)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.fc = nn.Linear(size, TOPICS)

    def forward(self, query, lengths):
        packed = pack_padded_sequence(
            self.embed(query), lengths, batch_first=True, enforce_sorted=False
        )
        _, h = self.gru(packed)
        return self.fc(h[-1])


def queries(n, longest=30):
    lengths = torch.randint(4, longest + 1, (n,))
    query = torch.randint(1, VOCAB, (n, longest))
    query[torch.arange(longest) >= lengths.unsqueeze(1)] = 0
    last = query[torch.arange(n), lengths - 1]
    topic = last % TOPICS
    if "--fixed" not in sys.argv:
        # half of the words is enough
        lengths = (lengths + 1) // 2
    return query, lengths, topic


model = QueryNet()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(1, 351):
    query, lengths, topic = queries(40)
    loss = nn.functional.cross_entropy(model(query, lengths), topic)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            query, lengths, topic = queries(400)
            right = (model(query, lengths).argmax(1) == topic).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} right {right:.3f}")
