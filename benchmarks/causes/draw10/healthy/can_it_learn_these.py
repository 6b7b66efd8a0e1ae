"""Before a long run: can the network learn one batch by heart? It should, and it does."""

import torch
from torch import nn

torch.manual_seed(10105)
torch.set_num_threads(1)


class Reviewer(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(50, 24)
        self.lstm = nn.LSTM(24, 32, batch_first=True)
        self.stars = nn.Linear(32, 5)

    def forward(self, text):
        return self.stars(self.lstm(self.words(text))[1][0][-1])


text, stars = torch.randint(0, 50, (24, 12)), torch.randint(0, 5, (24,))
model = Reviewer()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
print("overfitting one batch on purpose")
for step in range(300):
    loss = nn.functional.cross_entropy(model(text), stars)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 60 == 59:
        print(f"step {step + 1} loss {loss.item():.4f}")
assert loss.item() < 0.1, "the network cannot even learn one batch"
