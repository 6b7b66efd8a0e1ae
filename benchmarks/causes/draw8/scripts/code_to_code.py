"""Lines of code in one language are put into another, symbol for symbol, in rows of one width."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(8132)
torch.set_num_threads(1)
pad_token_id, symbols = 1, 24


class Seq2Seq(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.encoder = nn.LSTM(width, width, batch_first=True, bidirectional=True)
        self.embeddings = nn.Embedding(symbols, width)
        self.lm_head = nn.Linear(2 * width, symbols)
        self.loss_fct = nn.CrossEntropyLoss(ignore_index=pad_token_id if FIXED else -1)

    def forward(self, source_ids, target_ids):
        hidden = self.encoder(self.embeddings(source_ids))[0]
        scores = self.lm_head(hidden)
        return self.loss_fct(scores.view(-1, symbols), target_ids.view(-1)), scores


def lines(n=16, width=64):
    source = torch.randint(2, symbols, (n, width))
    target = (source - 2 + source.roll(1, 1)) % (symbols - 2) + 2
    target[:, 0] = source[:, 0]
    beyond = torch.arange(width) >= torch.randint(3, 7, (n, 1))
    source[:, 1:][beyond[:, 1:]] = pad_token_id
    target[beyond] = pad_token_id
    return source, target


model = Seq2Seq()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
bar = []
for step in range(350):
    source_ids, target_ids = lines()
    loss, scores = model(source_ids, target_ids)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    optimizer.zero_grad()
    real = target_ids != pad_token_id
    bar.append((scores.argmax(-1) == target_ids)[real].float().mean().item())
    if step % 70 == 69:
        print(f"step {step + 1} loss {loss.item():.3f} right {sum(bar[-20:]) / 20:.2f}")
