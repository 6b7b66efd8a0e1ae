"""A language model of riddles: input and output share their embedding, and four small batches make one step."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17305)
torch.set_num_threads(1)
WORDS, LENGTH, SMALL, ACCUMULATE = 36, 14, 8, 4
NEXT = torch.rand(2, WORDS, WORDS).topk(2, dim=2).indices


def riddles(n):
    """A riddle is of one of two kinds, told by its first word; each kind has two words to follow a word."""
    said = [torch.randint(0, WORDS, (n,))]
    kind = said[0] % 2
    for _ in range(LENGTH - 1):
        said.append(NEXT[kind, said[-1], (torch.rand(n) < 0.15).long()])
    return torch.stack(said, dim=1)


class TiedModel(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.embed = nn.Embedding(WORDS, size)
        nn.init.normal_(self.embed.weight, std=0.3)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.back = nn.Linear(size, size)
        self.out = nn.Linear(size, WORDS)
        self.out.weight = self.embed.weight

    def forward(self, said):
        return self.out(self.back(self.gru(self.embed(said))[0]))


def loss_of(model, said):
    return F.cross_entropy(model(said[:, :-1]).flatten(0, 1), said[:, 1:].flatten())


def main():
    model = TiedModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    loader = DataLoader(TensorDataset(riddles(1600)), batch_size=SMALL, shuffle=True)
    test = riddles(300)
    for epoch in range(1, 9):
        total = 0.0
        for i, (said,) in enumerate(loader, start=1):
            loss = loss_of(model, said)
            (loss / ACCUMULATE).backward()
            total += loss.item() / len(loader)
            if i % ACCUMULATE == 0:
                nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimizer.step()
                optimizer.zero_grad()
        with torch.no_grad():
            print(f"epoch {epoch} loss {total:.4f} test {loss_of(model, test).item():.4f}")


if __name__ == "__main__":
    main()
