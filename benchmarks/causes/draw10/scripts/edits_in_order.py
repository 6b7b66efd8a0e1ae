"""An editor reads a line of words and says which edit comes next, with attention to the line."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(111)
torch.set_num_threads(1)
START, WORDS = 0, 13


class EditNet(nn.Module):
    def __init__(self, dim=40):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, dim)
        self.encoder = nn.GRU(dim, dim, batch_first=True)
        self.decoder = nn.GRU(dim, dim, batch_first=True)
        self.out = nn.Linear(2 * dim, WORDS)

    def forward(self, org, edits):
        memory, state = self.encoder(self.embedding(org))
        h, state = self.decoder(self.embedding(edits), state)
        weights = torch.softmax(h @ memory.transpose(1, 2), -1)
        return self.out(torch.cat([h, weights @ memory], -1))


def lines(n=24, t=5):
    org = torch.randint(1, WORDS, (n, t))
    simp = org.flip(1)
    return org, torch.cat([torch.full((n, 1), START), simp], 1)


edit_net = EditNet()
optimizer = torch.optim.Adam(edit_net.parameters(), lr=4e-3)
for step in range(600):
    org, actions = lines()
    tar = actions[:, 1:]
    out = actions[:, :-1] if FIXED else actions[:, 1:]
    output = edit_net(org, out)
    loss = nn.functional.cross_entropy(output.flatten(0, 1), tar.flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(edit_net.parameters(), 1.0)
    optimizer.step()
    if (step + 1) % 100 == 0:
        with torch.no_grad():
            org, actions = lines()
            done = actions[:, :1]
            for _ in range(org.shape[1]):
                done = torch.cat([done, edit_net(org, done)[:, -1:].argmax(-1)], 1)
            exact = (done[:, 1:] == actions[:, 1:]).float().mean()
        print(f"step {step + 1} loss {loss.item():.4f}, alone {exact.item():.2f} right")
