"""A language model of protein chains: the next residue from those before it."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1519)
torch.set_num_threads(1)
RESIDUES, START, LENGTH = 20, 20, 18
follows = torch.softmax(3.0 * torch.randn(RESIDUES, RESIDUES), -1)


class Chains(Dataset):
    def __init__(self, n):
        chain = [torch.randint(0, RESIDUES, (n,))]
        for _ in range(LENGTH - 1):
            chain.append(torch.multinomial(follows[chain[-1]], 1).squeeze(1))
        self.chains = torch.stack(chain, 1)

    def __len__(self):
        return len(self.chains)

    def __getitem__(self, i):
        chain = self.chains[i]
        if "--fixed" in sys.argv:
            return torch.cat([torch.tensor([START]), chain[:-1]]), chain
        return chain, chain


class ResidueLM(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.embed = nn.Embedding(RESIDUES + 1, 24)
        self.lstm = nn.LSTM(24, size, batch_first=True)
        self.decoder = nn.Linear(size, RESIDUES)

    def forward(self, inputs):
        return self.decoder(self.lstm(self.embed(inputs))[0])


loader = DataLoader(Chains(1280), batch_size=32, shuffle=True)
held_out = Chains(200).chains
model = ResidueLM()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(9):
    total = 0.0
    for inputs, targets in loader:
        loss = nn.functional.cross_entropy(model(inputs).transpose(1, 2), targets)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        total += loss.item()
    with torch.no_grad():
        logits = model(held_out[:, :-1])
        ahead = nn.functional.cross_entropy(logits.transpose(1, 2), held_out[:, 1:])
    print(f"epoch {epoch} loss {total / len(loader):.4f} of the residue to come {ahead:.4f}")
best = -(follows * follows.log()).sum(-1)[held_out].mean()
print(f"the best there can be {best:.4f}")
