"""The number beside each dropout says how much is kept. The layer reads it as how much is
dropped: a twentieth of the clip came through."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(444)
torch.set_num_threads(1)


class ClipNet(nn.Module):
    def __init__(self, num_classes=6, dropout_keep_prob=0.95):
        super().__init__()
        p = 1 - dropout_keep_prob if FIXED else dropout_keep_prob
        self.conv = nn.Conv2d(1, 6, 3, stride=2, padding=1)
        self.rnn = nn.GRU(6 * 16, 40, batch_first=True)
        self.dropout = nn.Dropout(p)
        self.logits = nn.Linear(40, num_classes)

    def forward(self, clip):
        b, t = clip.shape[:2]
        frames = F.relu(self.conv(clip.flatten(0, 1).unsqueeze(1)))
        _, h = self.rnn(self.dropout(frames.flatten(1).view(b, t, -1)))
        return self.logits(self.dropout(h[-1]))


def clips(n=16):
    """A bright square moves in one of four ways, stands still or blinks."""
    kind = torch.randint(0, 6, (n,))
    clip = 0.2 * torch.randn(n, 6, 8, 8)
    step = {0: (0, 1), 1: (0, -1), 2: (1, 0), 3: (-1, 0)}
    for i, k in enumerate(kind.tolist()):
        dr, dc = step.get(k, (0, 0))
        r, c = torch.randint(0, 8, (2,)).tolist()
        for t in range(6):
            if k != 5 or t % 2:
                clip[i, t, (r + dr * t) % 8, (c + dc * t) % 8] += 3.0
    return clip, kind


i3d = ClipNet()
optimizer = torch.optim.Adam(i3d.parameters(), lr=3e-3)
lr_sched = torch.optim.lr_scheduler.MultiStepLR(optimizer, [350, 380])
for steps in range(1, 401):
    i3d.train()
    clip, kind = clips()
    loss = F.cross_entropy(i3d(clip), kind)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    lr_sched.step()
    if steps % 100 == 0:
        i3d.eval()
        with torch.no_grad():
            clip, kind = clips(120)
            acc = (i3d(clip).argmax(1) == kind).float().mean().item()
        print(f"{steps} Cls Loss: {loss.item():.4f} Val Acc: {acc:.3f}")
