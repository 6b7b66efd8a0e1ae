"""An arm is shown how to move; from what its joints did, the next sixteen settings are foretold."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1236)
torch.set_num_threads(1)
SEEN, CHUNK, JOINTS, EPISODE = 10, 16, 4, 34


class Episodes(Dataset):
    """A chunk that would go past the end of its episode is filled up with noughts."""

    def __init__(self, count):
        time = torch.arange(EPISODE + CHUNK) * 0.25
        speed = 0.6 + 0.8 * torch.rand(count, 1, 1)
        phase = 6.28 * torch.rand(count, 1, 1)
        lag = torch.arange(JOINTS) * 0.9
        self.motion = torch.sin(speed * time[None, :, None] + phase + lag)
        self.start = torch.randint(0, EPISODE - SEEN - 1, (count,))

    def __len__(self):
        return len(self.motion)

    def __getitem__(self, i):
        now = int(self.start[i]) + SEEN
        seen, chunk = self.motion[i, now - SEEN : now], self.motion[i, now : now + CHUNK].clone()
        is_pad = torch.arange(now, now + CHUNK) >= EPISODE
        whole = chunk.clone()
        chunk[is_pad] = 0.0
        return seen, chunk, is_pad, whole


class ChunkPolicy(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        self.encoder = nn.GRU(JOINTS, hidden, batch_first=True)
        self.cell = nn.GRUCell(JOINTS, hidden)
        self.action = nn.Linear(hidden, JOINTS)

    def forward(self, seen):
        h = self.encoder(seen)[1][0]
        action, chunk = seen[:, -1], []
        for _ in range(CHUNK):
            h = self.cell(action, h)
            action = action + self.action(h)
            chunk.append(action)
        return torch.stack(chunk, 1)


def reduce_losses(losses, is_pad):
    if "--fixed" in sys.argv:
        in_episode = (~is_pad).float().unsqueeze(-1)
        return (losses * in_episode).sum() / (in_episode.sum() * JOINTS)
    return losses.mean()


loader = DataLoader(Episodes(800), batch_size=32, shuffle=True)
seen_val, _, _, whole_val = next(iter(DataLoader(Episodes(200), batch_size=200)))
policy = ChunkPolicy()
optimizer = torch.optim.Adam(policy.parameters(), lr=2e-3)
for epoch in range(1, 21):
    total = 0.0
    for seen, chunk, is_pad, _ in loader:
        loss = reduce_losses((policy(seen) - chunk).square(), is_pad)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(policy.parameters(), 1.0)
        optimizer.step()
        total += loss.item() / len(loader)
    if epoch % 2 == 0:
        with torch.no_grad():
            off = (policy(seen_val) - whole_val).square().mean().item()
        print(f"epoch {epoch:2d} train {total:.4f} off the true motion {off:.4f}")
