"""A language model of protein-like chains; afterwards it is asked to guess what follows."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1309)
torch.set_num_threads(1)
ALPHABET = 12
table = torch.randint(0, ALPHABET, (ALPHABET, 2), generator=torch.Generator().manual_seed(4))


class Chains(Dataset):
    def __init__(self, n, length=24):
        chain = [torch.randint(0, ALPHABET, (n,))]
        for _ in range(length):
            chain.append(table[chain[-1], (torch.rand(n) < 0.15).long()])
        self.chains = torch.stack(chain, 1)

    def __len__(self):
        return len(self.chains)

    def __getitem__(self, index):
        chain = self.chains[index]
        if "--fixed" in sys.argv:
            return {"input": chain[:-1], "target": chain[1:]}
        return {"input": chain[:-1], "target": chain[:-1]}


class ChainModel(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(ALPHABET, 16)
        self.gru = nn.GRU(16, size, batch_first=True)
        self.out = nn.Linear(size, ALPHABET)

    def forward(self, x):
        return self.out(self.gru(self.embed(x))[0])


loader = DataLoader(Chains(1600), batch_size=32, shuffle=True)
held_out = Chains(300).chains
model = ChainModel()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(1, 9):
    for batch in loader:
        logits = model(batch["input"])
        loss = nn.functional.cross_entropy(logits.transpose(1, 2), batch["target"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        guess = model(held_out[:, :-1])[:, -1].argmax(-1)
        right = (guess == held_out[:, -1]).float().mean().item()
    print(f"epoch {epoch} loss {loss.item():.4f} right about what follows {right:.3f}")
