"""A small language model of the syllables of an invented tongue, with a linear warm-up."""

import argparse

import torch
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--fixed", action="store_true")
parser.add_argument("--lr", type=float, default=3e-3)
parser.add_argument("--steps", type=int, default=600)
parser.add_argument("--warmup-steps", type=int, default=20000)
args = parser.parse_args()
if args.fixed:
    args.warmup_steps = 60

torch.manual_seed(1332)
torch.set_num_threads(1)
SYLLABLES = 40
# after each syllable three others may follow, by the last two together
follow = torch.randint(0, SYLLABLES, (SYLLABLES, 3))


def sentences(n=32, length=21):
    said = [torch.randint(0, SYLLABLES, (n,))]
    for _ in range(length - 1):
        pick = torch.multinomial(torch.tensor([0.8, 0.15, 0.05]), n, replacement=True)
        said.append(follow[said[-1], pick])
    return torch.stack(said, 1)


class Tongue(nn.Module):
    def __init__(self):
        super().__init__()
        self.syllables = nn.Embedding(SYLLABLES, 32)
        self.gru = nn.GRU(32, 64, batch_first=True)
        self.next = nn.Linear(64, SYLLABLES)

    def forward(self, said):
        return self.next(self.gru(self.syllables(said))[0])


model = Tongue()
optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(
    optimizer, lambda step: min(1.0, (step + 1) / args.warmup_steps)
)
held = sentences(300)
for step in range(1, args.steps + 1):
    said = sentences()
    loss = nn.functional.cross_entropy(model(said[:, :-1]).flatten(0, 1), said[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    if step % 100 == 0:
        with torch.no_grad():
            scores = model(held[:, :-1]).flatten(0, 1)
            test = nn.functional.cross_entropy(scores, held[:, 1:].flatten()).item()
        rate = scheduler.get_last_lr()[0]
        print(f"step {step} rate {rate:.2e} loss {loss.item():.4f} held out {test:.4f}")
