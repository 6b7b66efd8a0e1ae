"""A small net learns from a large one that can tell four teas by a run of sips; the large one stays as it is."""

import torch
from torch import nn

torch.manual_seed(1762)
torch.set_num_threads(1)
TEAS, SIPS, NOTES, HEAT, SHARE = 4, 14, 6, 2.0, 0.7
tastes = torch.randn(TEAS, SIPS, NOTES)


def cups(n):
    tea = torch.randint(0, TEAS, (n,))
    return 0.5 * tastes[tea] + torch.randn(n, SIPS, NOTES), tea


class Taster(nn.Module):
    def __init__(self, size, layers, dropout=0.0):
        super().__init__()
        self.gru = nn.GRU(NOTES, size, layers, batch_first=True, dropout=dropout)
        self.drop = nn.Dropout(dropout)
        self.tea = nn.Linear(size, TEAS)

    def forward(self, sips):
        return self.tea(self.drop(self.gru(sips)[0][:, -1]))


@torch.no_grad()
def right(model):
    was_training = model.training
    model.eval()
    sips, tea = cups(300)
    share = (model(sips).argmax(1) == tea).float().mean().item()
    model.train(was_training)
    return share


master = Taster(48, 2, dropout=0.2)
optimizer = torch.optim.Adam(master.parameters(), lr=3e-3)
for step in range(1, 151):
    sips, tea = cups(32)
    loss = nn.functional.cross_entropy(master(sips), tea)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(master.parameters(), 2.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"master, step {step} loss {loss.item():.4f} right {right(master):.3f}")

master.eval()
master.requires_grad_(False)
pupil = Taster(20, 1)
optimizer = torch.optim.Adam(pupil.parameters(), lr=5e-3)
for step in range(1, 301):
    sips, tea = cups(32)
    with torch.no_grad():
        told = (master(sips) / HEAT).softmax(1)
    logits = pupil(sips)
    soft = nn.functional.kl_div((logits / HEAT).log_softmax(1), told, reduction="batchmean")
    loss = SHARE * HEAT**2 * soft + (1 - SHARE) * nn.functional.cross_entropy(logits, tea)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(pupil.parameters(), 2.0)
    optimizer.step()
    if step % 50 == 0:
        print(f"pupil, step {step} loss {loss.item():.4f} right {right(pupil):.3f}")
