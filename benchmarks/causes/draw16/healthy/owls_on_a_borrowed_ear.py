"""Six owls told by their calls on an encoder that learned kinds of sounds before and stays as it is."""

import torch
from torch import nn

torch.manual_seed(16303)
torch.set_num_threads(1)
FRAMES, BANDS, SOUNDS, OWLS = 20, 8, 10, 6
colour = torch.randn(SOUNDS, BANDS)
phrase = torch.stack([torch.randperm(SOUNDS)[:5] for _ in range(OWLS)])


def sounds(n):
    """A kind of sound in each frame, heard through noise."""
    kind = torch.randint(0, SOUNDS, (n, FRAMES // 4)).repeat_interleave(4, dim=1)
    return colour[kind] + 0.8 * torch.randn(n, FRAMES, BANDS), kind


def owls(n):
    owl = torch.randint(0, OWLS, (n,))
    kind = phrase[owl].repeat_interleave(4, dim=1)
    return colour[kind] + 1.2 * torch.randn(n, FRAMES, BANDS), owl


class Ear(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.conv = nn.Conv1d(BANDS, size, 3, padding=1)
        self.norm = nn.BatchNorm1d(size)
        self.gru = nn.GRU(size, size, batch_first=True)
        self.drop = nn.Dropout(0.2)

    def forward(self, sound):
        x = torch.relu(self.norm(self.conv(sound.transpose(1, 2)))).transpose(1, 2)
        return self.drop(self.gru(x)[0])


class OwlNet(nn.Module):
    def __init__(self, ear, size=32):
        super().__init__()
        self.ear = ear.requires_grad_(False)
        self.lstm = nn.LSTM(size, 24, batch_first=True)
        self.head = nn.Linear(24, OWLS)

    def train(self, mode=True):
        super().train(mode)
        self.ear.eval()  # its means and its dropout stay out of this
        return self

    def forward(self, sound):
        return self.head(self.lstm(self.ear(sound))[0][:, -1])


ear = Ear()
kinds = nn.Linear(32, SOUNDS)
optimizer = torch.optim.Adam([*ear.parameters(), *kinds.parameters()], lr=3e-3)
for step in range(1, 201):
    sound, kind = sounds(24)
    loss = nn.functional.cross_entropy(kinds(ear(sound)).flatten(0, 1), kind.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"ear, step {step} loss {loss.item():.4f}")

model = OwlNet(ear)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
for step in range(1, 251):
    model.train()
    sound, owl = owls(24)
    loss = nn.functional.cross_entropy(model(sound), owl)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        model.eval()
        with torch.no_grad():
            sound, owl = owls(300)
            right = (model(sound).argmax(1) == owl).float().mean().item()
        print(f"owls, step {step} loss {loss.item():.4f} right {right:.3f}")
