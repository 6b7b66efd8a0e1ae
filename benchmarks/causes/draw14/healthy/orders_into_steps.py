"""Orders to a robot ("turn left twice after walk") are written out as steps, with attention."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

torch.manual_seed(14154)
torch.set_num_threads(1)

ACTS = {"walk": ["W"], "look": ["L"], "jump": ["J"], "turn": ["T", "T"]}
TIMES = {"once": 1, "twice": 2, "thrice": 3}
SOURCE = {w: i for i, w in enumerate(["<pad>", *ACTS, *TIMES, "and", "after"])}
TARGET = {w: i for i, w in enumerate(["<pad>", "<go>", "<end>", "W", "L", "J", "T"])}
ORDERS = [
    (a, ta, link, b, tb)
    for a in ACTS
    for ta in TIMES
    for link in ("and", "after")
    for b in ACTS
    for tb in TIMES
    if a != b
]


def pair(order):
    a, ta, link, b, tb = order
    words = [a, *([ta] if ta != "once" else []), link, b, *([tb] if tb != "once" else [])]
    first, second = ACTS[a] * TIMES[ta], ACTS[b] * TIMES[tb]
    steps = first + second if link == "and" else second + first
    source = torch.tensor([SOURCE[w] for w in words])
    return source, torch.tensor([TARGET[w] for w in ["<go>", *steps, "<end>"]])


class Robot(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.source = nn.Embedding(len(SOURCE), 16, padding_idx=0)
        self.encoder = nn.GRU(16, size, batch_first=True)
        self.target = nn.Embedding(len(TARGET), 16, padding_idx=0)
        self.decoder = nn.GRU(16, size, batch_first=True)
        self.key = nn.Linear(size, size, bias=False)
        self.out = nn.Linear(2 * size, len(TARGET))

    def encode(self, source, lengths):
        packed = pack_padded_sequence(
            self.source(source), lengths, batch_first=True, enforce_sorted=False
        )
        memory, state = self.encoder(packed)
        return pad_packed_sequence(memory, batch_first=True)[0], state

    def decode(self, tokens, memory, state, padding):
        hidden, state = self.decoder(self.target(tokens), state)
        scores = hidden @ self.key(memory).transpose(1, 2)
        weights = scores.masked_fill(padding[:, None], float("-inf")).softmax(-1)
        return self.out(torch.cat([hidden, weights @ memory], -1)), state


def collate(orders):
    sources, targets = zip(*[pair(order) for order in orders])
    lengths = torch.tensor([len(s) for s in sources])
    return pad_sequence(sources, True), lengths, pad_sequence(targets, True)


@torch.no_grad()
def carried_out(model, batch):
    source, lengths, target = batch
    memory, state = model.encode(source, lengths)
    token = target[:, :1]
    right = torch.ones(len(source), dtype=torch.bool)
    for t in range(1, target.size(1)):
        logits, state = model.decode(token, memory, state, source == 0)
        token = logits.argmax(2)
        right &= (token[:, 0] == target[:, t]) | (target[:, t] == 0)
    return right.float().mean().item()


order = torch.randperm(len(ORDERS)).tolist()
train, test = [ORDERS[i] for i in order[60:]], collate([ORDERS[i] for i in order[:60]])
robot = Robot()
optimizer = torch.optim.Adam(robot.parameters(), lr=4e-3)
for step in range(1, 401):
    rows = torch.randint(0, len(train), (32,)).tolist()
    source, lengths, target = collate([train[i] for i in rows])
    memory, state = robot.encode(source, lengths)
    logits, _ = robot.decode(target[:, :-1], memory, state, source == 0)
    loss = nn.functional.cross_entropy(
        logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=TARGET["<pad>"]
    )
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(robot.parameters(), 2.0)
    optimizer.step()
    if step % 50 == 0:
        done = carried_out(robot, test)
        print(f"step {step} loss {loss.item():.4f} unseen orders carried out {done:.3f}")
