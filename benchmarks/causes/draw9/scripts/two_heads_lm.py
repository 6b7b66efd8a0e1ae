"""Labels of a causal model are laid out by hand from the rows of its own input."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9033)
torch.set_num_threads(1)
VOCAB, LENGTH = 20, 14
rule = torch.randperm(VOCAB)


class LM(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, width)
        self.lstm = nn.LSTM(width, 48, batch_first=True)
        self.ln = nn.LayerNorm(48)
        self.lm_head = nn.Linear(48, VOCAB, bias=False)

    def forward(self, input_ids):
        return self.lm_head(self.ln(self.lstm(self.wte(input_ids))[0]))


def text(n=24):
    ids = [torch.randint(0, VOCAB, (n,))]
    while len(ids) < LENGTH:
        noise = torch.randint(0, VOCAB, (n,))
        ids.append(torch.where(torch.rand(n) < 0.2, noise, rule[ids[-1]]))
    return torch.stack(ids, 1)


def train_lm_head(model, steps=400):
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: min(1.0, (s + 1) / 20) * (1 - s / (2 * steps))
    )
    loss_fn = nn.CrossEntropyLoss(ignore_index=-1)
    model.train()
    for index in range(steps):
        input_ids = text()
        none = torch.full((len(input_ids), 1), -1)
        if FIXED:
            lm_labels = torch.cat([input_ids[:, 1:], none], 1)
        else:
            lm_labels = torch.cat([none, input_ids[:, : LENGTH - 1]], 1)
        optimizer.zero_grad()
        logits = model(input_ids)
        loss = loss_fn(logits.view(-1, VOCAB), lm_labels.view(-1))
        loss.backward()
        optimizer.step()
        scheduler.step()
        if index % 80 == 79:
            hit = (logits.argmax(-1)[:, :-1] == input_ids[:, 1:]).float().mean()
            print(f"batch {index + 1} loss {loss.item():.4f} next word right {hit:.3f}")


train_lm_head(LM())
