"""Calls over a marsh: an encoder learned to foretell sounds; frozen, it then serves two heads, bird and distance."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(17207)
torch.set_num_threads(1)
BANDS, LENGTH, BIRDS = 12, 24, 4


def record(count):
    """A call is a tone that glides over the bands in the manner of its bird, fainter from farther off."""
    bird = torch.randint(BIRDS, (count,))
    far = torch.rand(count)
    glide = torch.tensor([0.1, 0.25, -0.1, -0.25])[bird].unsqueeze(1)
    tone = 6 + 2 * torch.randn(count, 1) + glide * (torch.arange(LENGTH) - LENGTH / 2)
    gap = torch.arange(BANDS) - tone.unsqueeze(2)
    sound = (1.5 - far).view(-1, 1, 1) * torch.exp(-0.5 * gap.square()) * 2
    return sound + 0.1 * torch.randn(count, LENGTH, BANDS), bird, far


class Encoder(nn.Module):
    def __init__(self, width=40):
        super().__init__()
        self.filters = nn.Conv1d(BANDS, 24, 1)
        self.norm = nn.BatchNorm1d(24)
        self.drop = nn.Dropout(0.1)
        self.rnn = nn.GRU(24, width, batch_first=True)

    def forward(self, sound):
        seen = torch.relu(self.norm(self.filters(sound.transpose(1, 2))))
        return self.rnn(self.drop(seen.transpose(1, 2)))[0]


class Listener(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder.requires_grad_(False)
        self.bird = nn.Sequential(
            nn.Linear(40, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, BIRDS)
        )
        self.distance = nn.Sequential(nn.Linear(40, 32), nn.Tanh(), nn.Linear(32, 1))

    def train(self, mode=True):
        super().train(mode)
        self.encoder.eval()
        return self

    def forward(self, sound):
        with torch.no_grad():
            heard = self.encoder(sound).mean(dim=1)
        return self.bird(heard), self.distance(heard).squeeze(1)


def learn_to_foretell(steps=200):
    encoder, guess = Encoder(), nn.Linear(40, BANDS)
    optimizer = torch.optim.Adam([*encoder.parameters(), *guess.parameters()], lr=3e-3)
    for step in range(1, steps + 1):
        sound, _, _ = record(32)
        loss = nn.functional.mse_loss(guess(encoder(sound[:, :-1])), sound[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"foretelling: step {step} loss {loss.item():.4f}")
    return encoder


listener = Listener(learn_to_foretell())
optimizer = torch.optim.AdamW(
    [
        {"params": listener.bird.parameters(), "lr": 3e-3},
        {"params": listener.distance.parameters(), "lr": 1e-3},
    ],
    weight_decay=0.01,
)
loader = DataLoader(TensorDataset(*record(1600)), batch_size=32, shuffle=True)
test_sound, test_bird, test_far = record(400)
for epoch in range(1, 11):
    listener.train()
    for sound, bird, far in loader:
        scores, guessed = listener(sound)
        loss = nn.functional.cross_entropy(scores, bird) + 4 * nn.functional.mse_loss(guessed, far)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    listener.eval()
    with torch.no_grad():
        scores, guessed = listener(test_sound)
    right = (scores.argmax(dim=1) == test_bird).float().mean()
    off = (guessed - test_far).abs().mean()
    print(
        f"epoch {epoch} loss {loss.item():.4f} birds right {right.item():.3f} distance off by {off.item():.3f}"
    )
