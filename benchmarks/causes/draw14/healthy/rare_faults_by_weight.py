"""Lines of a machine's log: about one in fifteen ends in a fault; both classes weigh the same."""

import torch
from torch import nn

torch.manual_seed(144)
torch.set_num_threads(1)
CODES, LENGTH = 40, 20


def logs(n):
    """A fault: code 3 and, some time later, code 7; either alone or turned round is harmless."""
    codes = torch.randint(8, CODES, (n, LENGTH))
    what = torch.rand(n)
    first, second = torch.rand(n, LENGTH).argsort(1)[:, :2].sort(1).values.unbind(1)
    rows = torch.arange(n)
    fault = what < 0.07
    turned = (what >= 0.07) & (what < 0.3)
    alone = (what >= 0.3) & (what < 0.6)
    codes[rows, first] = torch.where(fault | alone, 3, codes[rows, first])
    codes[rows, second] = torch.where(fault, 7, codes[rows, second])
    codes[rows, first] = torch.where(turned, 7, codes[rows, first])
    codes[rows, second] = torch.where(turned, 3, codes[rows, second])
    return codes, fault.long()


class Watch(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(CODES, 16)
        self.gru = nn.GRU(16, 32, batch_first=True)
        self.out = nn.Linear(32, 2)

    def forward(self, codes):
        out, _ = self.gru(self.emb(codes))
        return self.out(out.max(1).values)


_, seen = logs(5000)
share = torch.bincount(seen).float() / len(seen)
criterion = nn.CrossEntropyLoss(weight=1 / (2 * share))
model = Watch()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
test_codes, test_fault = logs(3000)
for step in range(1, 501):
    codes, fault = logs(128)
    loss = criterion(model(codes), fault)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 50 == 0:
        with torch.no_grad():
            said = model(test_codes).argmax(1)
        found = (said[test_fault == 1] == 1).float().mean().item()
        calm = (said[test_fault == 0] == 0).float().mean().item()
        print(f"step {step} loss {loss.item():.4f} faults found {found:.3f} calm kept {calm:.3f}")
