"""Which of five commands is heard in a clip? Clips are of uneven length, with a short filter bank.

The frames of a clip are averaged; those behind its end are left out of the mean.
"""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(57)
torch.set_num_threads(1)
COMMANDS, BANDS = 5, 12


class Clips(Dataset):
    """Each command is a glide of pitch, spoken slowly or fast, high or low."""

    def __init__(self, n):
        glides = torch.tensor([[0, 0, 0], [-2, 0, 2], [2, 0, -2], [-2, 2, -2], [2, -2, 2]]).float()
        self.labels = torch.randint(COMMANDS, (n,))
        self.clips = []
        for label in self.labels:
            frames = int(torch.randint(12, 37, ()))
            glide = nn.functional.interpolate(
                glides[label][None, None], size=frames, mode="linear", align_corners=True
            )[0, 0]
            pitch = glide + 4.5 + 2 * torch.rand(())
            bands = torch.exp(-0.5 * (torch.arange(BANDS) - pitch[:, None]) ** 2)
            self.clips.append(2 * bands - 0.4 + 0.9 * torch.randn(frames, BANDS))

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.clips[index], self.labels[index]


def collate(batch):
    clips, labels = zip(*batch, strict=True)
    lengths = torch.tensor([len(clip) for clip in clips])
    return pad_sequence(clips, batch_first=True), lengths, torch.stack(labels)


class CommandNet(nn.Module):
    def __init__(self, channels=24, hidden=24):
        super().__init__()
        self.conv = nn.Conv1d(BANDS, channels, 3, padding=1)
        self.gru = nn.GRU(channels, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, COMMANDS)

    def forward(self, clips, lengths):
        frames = torch.relu(self.conv(clips.transpose(1, 2))).transpose(1, 2)
        packed = pack_padded_sequence(frames, lengths, batch_first=True, enforce_sorted=False)
        heard, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        mask = torch.arange(heard.shape[1]) < lengths[:, None]
        pooled = (heard * mask[..., None]).sum(1) / lengths[:, None]
        return self.head(pooled)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        right = [(model(c, n).argmax(1) == y).float().mean() for c, n, y in loader]
    model.train()
    return torch.stack(right).mean().item()


train = DataLoader(Clips(1600), batch_size=32, shuffle=True, collate_fn=collate)
held_out = DataLoader(Clips(320), batch_size=32, collate_fn=collate)
net = CommandNet()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-4)
step = 0
for epoch in range(6):
    for clips, lengths, labels in train:
        loss = nn.functional.cross_entropy(net(clips, lengths), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        step += 1
        if step % 25 == 0:
            print(f"step {step} loss {loss.item():.4f}")
    print(f"epoch {epoch + 1}: right in held-out clips {accuracy(net, held_out):.3f}")
