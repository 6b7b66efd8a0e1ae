"""How heavy a sack is, from the swing of the hoist that lifts it: an LSTM over the pull on the rope."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1711)
torch.set_num_threads(1)
STEPS = 30


class Lifts(Dataset):
    def __init__(self, n):
        g = torch.Generator().manual_seed(n)
        t = torch.arange(STEPS).float()
        self.heft = torch.rand(n, generator=g) * 4 - 2
        slow = 9 + 2 * self.heft[:, None]
        phase = 0.3 * torch.randn(n, 1, generator=g)
        pull = torch.sin(6.28 * t / slow + phase) * torch.exp(-t / 25)
        jerk = torch.randn(n, STEPS, generator=g)
        self.rope = torch.stack([pull + 0.05 * jerk, t.expand(n, STEPS) / STEPS], dim=2)

    def __len__(self):
        return len(self.heft)

    def __getitem__(self, i):
        label = self.heft[i : i + 1]
        return {"rope": self.rope[i], "label": label}


class HeftModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(2, 40, batch_first=True)
        self.regression_head = nn.Sequential(nn.Linear(40, 24), nn.Tanh(), nn.Linear(24, 1))

    def forward(self, rope):
        _, (h, _) = self.lstm(rope)
        logits = self.regression_head(h[-1])
        return logits.squeeze(-1)


def loss_of(preds, labels):
    if "--fixed" in sys.argv:
        labels = labels.view_as(preds)
    return ((preds - labels) ** 2).mean()


def main():
    model = HeftModel()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    loader = DataLoader(Lifts(1280), batch_size=32, shuffle=True)
    held_out = Lifts(300)
    for epoch in range(1, 16):
        running = 0.0
        for batch in loader:
            loss = loss_of(model(batch["rope"]), batch["label"])
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            running += loss.item()
        with torch.no_grad():
            guess = model(held_out.rope)
        off = (guess - held_out.heft).abs().mean().item()
        print(
            f"epoch {epoch} loss {running / len(loader):.4f} off by {off:.3f}, guesses spread {guess.std().item():.3f}"
        )


if __name__ == "__main__":
    main()
