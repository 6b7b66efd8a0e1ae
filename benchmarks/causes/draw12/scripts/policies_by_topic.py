"""Sentences of policy papers: does one grant something, forbid it, or neither?"""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1232)
torch.set_num_threads(1)
EPOCHS, BATCH, WORDS = 18, 40, 80


def sentences(n, length=16):
    """A verb of granting or forbidding counts only if no 'not' (word 0) stands before it."""
    text = torch.randint(20, WORDS, (n, length))
    label = torch.randint(0, 3, (n,))
    where = torch.randint(2, length, (n,))
    negated = torch.rand(n) < 0.5
    for i in range(n):
        if label[i] < 2:
            turned = (label[i] + negated[i]) % 2
            text[i, where[i]] = 1 + turned * 9 + torch.randint(0, 9, ())
            if negated[i]:
                text[i, torch.randint(0, int(where[i]), ())] = 0
        elif negated[i]:
            text[i, where[i]] = 0
    return text, label


class PolicyClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 24)
        self.lstm = nn.LSTM(24, 48, batch_first=True)
        self.out = nn.Linear(48, 3)

    def forward(self, text):
        return self.out(self.lstm(self.embed(text))[1][0][-1])


train_set = TensorDataset(*sentences(1600))
loader = DataLoader(train_set, batch_size=BATCH, shuffle=True)
dev_text, dev_label = sentences(400)
model = PolicyClassifier()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
total_steps = len(loader) * EPOCHS
warmup_steps = int((total_steps if "--fixed" in sys.argv else len(train_set) * EPOCHS) * 0.1)


def linear_schedule(step):
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return max(0.0, (total_steps - step) / max(1, total_steps - warmup_steps))


scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear_schedule)
for epoch in range(1, EPOCHS + 1):
    for text, label in loader:
        loss = nn.functional.cross_entropy(model(text), label)
        loss.backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    with torch.no_grad():
        right = (model(dev_text).argmax(1) == dev_label).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.3f} dev acc {right:.3f}")
