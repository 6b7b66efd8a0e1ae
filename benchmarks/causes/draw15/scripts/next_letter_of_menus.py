"""Lines of a menu, 24 letters at a time, and the letter that comes next, as one learns from a notebook."""

import sys

import torch
from torch import nn

torch.manual_seed(1505)
torch.set_num_threads(1)
SEQ, VOCAB, BATCH = 24, 20, 40
DISHES = torch.randint(1, VOCAB, (14, 7))


def menu(n):
    """Dishes of seven letters, chosen at random, with 0 between them."""
    picks = DISHES[torch.randint(0, len(DISHES), (n,))]
    return torch.cat((picks, torch.zeros(n, 1, dtype=torch.long)), 1).flatten()


class CharModel(nn.Module):
    def __init__(self, hidden_size=SEQ):
        super().__init__()
        self.encoder = nn.Embedding(VOCAB, 16)
        self.rnn = nn.GRU(16, hidden_size, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(hidden_size, VOCAB)

    def forward(self, inputs):
        output, _ = self.rnn(self.encoder(inputs))
        if "--fixed" in sys.argv:
            return self.decoder(output[:, -1, :]).squeeze()
        return self.decoder(output[:, :, -1]).squeeze()


text, test_text = menu(900), menu(60)
model = CharModel()
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)


def batch_of(source, size):
    start = torch.randint(0, len(source) - SEQ, (size,))
    windows = source[start.unsqueeze(1) + torch.arange(SEQ + 1)]
    return windows[:, :-1], windows[:, -1]


for step in range(1, 501):
    model.train()
    inputs, following = batch_of(text, BATCH)
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(inputs), following)
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        model.eval()
        with torch.no_grad():
            inputs, following = batch_of(test_text, 300)
            scores = model(inputs)
            test_loss = nn.functional.cross_entropy(scores, following).item()
            right = (scores.argmax(1) == following).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} test loss {test_loss:.4f} right {right:.3f}")
