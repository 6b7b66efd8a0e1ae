"""Cross-validation: a fresh model and optimizer for each of four parts, and early stopping."""

import torch
from torch import nn

torch.manual_seed(5219)
torch.set_num_threads(1)

x = torch.randn(400, 9, 3)
y = (x[:, :, 0].cumsum(1)[:, -1] - x[:, -1, 1] > 0).long()


def build():
    return nn.ModuleDict({"rnn": nn.GRU(3, 24, batch_first=True), "out": nn.Linear(24, 2)})


def scores(model, rows):
    return model["out"](model["rnn"](x[rows])[1][0])


results = []
for fold, held in enumerate(torch.arange(400).chunk(4)):
    rest = torch.cat([torch.arange(held[0]), torch.arange(held[-1] + 1, 400)])
    model = build()
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
    best, waited = 9.0, 0
    for epoch in range(12):
        model.train()
        for rows in rest[torch.randperm(len(rest))].split(30):
            loss = nn.functional.cross_entropy(scores(model, rows), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            valid = nn.functional.cross_entropy(scores(model, held), y[held]).item()
        if valid < best - 1e-3:
            best, waited = valid, 0
        else:
            waited += 1
            if waited == 3:
                break
    results.append(best)
    print(f"fold {fold + 1}: validation {best:.3f} after {epoch + 1} epochs")
print(f"mean {sum(results) / len(results):.3f}")
