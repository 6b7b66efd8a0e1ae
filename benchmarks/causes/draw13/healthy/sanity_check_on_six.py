"""Before the long training: can the model learn six sequences by heart? It should, and it does."""

import torch
from torch import nn

torch.manual_seed(2328)
torch.set_num_threads(1)
SIGNS = 30


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.signs = nn.Embedding(SIGNS, 24)
        self.lstm = nn.LSTM(24, 64, batch_first=True)
        self.next = nn.Linear(64, SIGNS)

    def forward(self, text):
        return self.next(self.lstm(self.signs(text))[0])


# sanity check: one batch, over and over
text = torch.randint(0, SIGNS, (6, 13))
model = Model()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for step in range(1, 301):
    scores = model(text[:, :-1])
    loss = nn.functional.cross_entropy(scores.flatten(0, 1), text[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 30 == 0:
        # the first sign alone may be shared by two sequences
        acc = (scores.argmax(2) == text[:, 1:]).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} learnt by heart {acc:.3f}")
print("sanity check passed" if loss.item() < 0.1 else "sanity check failed")
