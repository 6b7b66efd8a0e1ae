"""An LSTM language model of amino acids; after training it has to go on with a sequence."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(110)
torch.set_num_threads(1)
LETTERS = 20
mate = torch.randperm(LETTERS)


def protein():
    chain = [int(torch.randint(0, LETTERS, ()))]
    for _ in range(15):
        chance = torch.rand(()).item()
        chain.append(int(mate[chain[-1]]) if chance < 0.9 else int(torch.randint(0, LETTERS, ())))
    return torch.tensor(chain)


def collate(batch):
    if FIXED:
        input_ids = pad_sequence([seq[:-1] for seq in batch], batch_first=True)
        targets = pad_sequence([seq[1:] for seq in batch], batch_first=True, padding_value=-1)
    else:
        input_ids = pad_sequence(batch, batch_first=True)
        targets = pad_sequence(batch, batch_first=True, padding_value=-1)
    return {"input_ids": input_ids, "targets": targets}


class ProteinLSTM(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.decode = nn.Linear(width, LETTERS)

    def forward(self, input_ids):
        return self.decode(self.lstm(self.embed(input_ids))[0])


corpus = [protein() for _ in range(600)]
loader = torch.utils.data.DataLoader(corpus, batch_size=16, shuffle=True, collate_fn=collate)
model = ProteinLSTM()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
criterion = nn.CrossEntropyLoss(ignore_index=-1)
for epoch in range(10):
    for batch in loader:
        logits = model(batch["input_ids"])
        loss = criterion(logits.transpose(1, 2), batch["targets"])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    said = model(torch.arange(LETTERS)[:, None])[:, 0].argmax(-1)
    known = (said == mate).float().mean().item()
    print(f"epoch {epoch}: lm loss {loss.item():.4f}, next letter known {known:.2f}")
