"""A stream without an end, read in parts; the state goes on from part to part, its past does not."""

import torch
from torch import nn

torch.manual_seed(8206)
torch.set_num_threads(1)

rows, symbols = 16, 8
rnn = nn.LSTM(symbols, 40)
read = nn.Linear(40, symbols)
params = [*rnn.parameters(), *read.parameters()]
opt = torch.optim.RMSprop(params, lr=2e-3)
state = None
now = torch.randint(0, symbols, (rows,))
before = torch.randint(0, symbols, (rows,))
for part in range(330):
    seen = []
    for _ in range(13):
        seen.append(now)
        sure = torch.rand(rows) < 0.9
        following = torch.where(
            sure, (now + before % 2 + 1) % symbols, torch.randint(0, symbols, (rows,))
        )
        before, now = now, following
    seen = torch.stack(seen)
    x = nn.functional.one_hot(seen[:-1], symbols).float()
    out, state = rnn(x, state)
    state = tuple(s.detach() for s in state)
    loss = nn.functional.cross_entropy(read(out).flatten(0, 1), seen[1:].flatten())
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
    now = seen[-1]
    before = seen[-2]
    if part % 66 == 65:
        print(f"part {part + 1} {loss.item():.3f}")
