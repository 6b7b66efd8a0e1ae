"""Words of four valleys, each with sounds of its own, are respelled in one spelling, sound by sound."""

import sys

import torch
from torch import nn

torch.manual_seed(14106)
torch.set_num_threads(1)
SOUNDS, VALLEYS, LENGTH = 14, 4, 8
gen = torch.Generator().manual_seed(11)
# in each valley a sound is spelled by itself and by the sound before it (hard or soft)
SPELLING = torch.stack([torch.randperm(SOUNDS, generator=gen) for _ in range(2 * VALLEYS)])


def spoken(valley, n):
    sounds = torch.randint(0, SOUNDS, (n, LENGTH), generator=gen)
    before = torch.cat([torch.zeros_like(sounds[:, :1]), sounds[:, :-1]], 1)
    spelled = SPELLING[2 * valley + (before >= SOUNDS // 2).long(), sounds]
    return sounds, torch.full_like(sounds, valley), spelled


class Speller(nn.Module):
    def __init__(self, size=48):
        super().__init__()
        self.sound = nn.Embedding(SOUNDS, 24)
        self.valley = nn.Embedding(VALLEYS, 24)
        self.cell = nn.GRUCell(24, size)
        self.out = nn.Sequential(nn.Linear(size, 64), nn.ReLU(), nn.Linear(64, SOUNDS))

    def forward(self, sounds, valley):
        inputs = self.sound(sounds) + self.valley(valley)
        state = inputs.new_zeros(len(inputs), self.cell.hidden_size)
        states = []
        for t in range(inputs.size(1)):
            state = self.cell(inputs[:, t], state)
            states.append(state)
        return self.out(torch.stack(states, 1))


def main():
    model = Speller()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    tests = [spoken(valley, 100) for valley in range(VALLEYS)]
    for step in range(1, 401):
        optimizer.zero_grad(set_to_none=True)
        total = 0.0
        for valley in range(VALLEYS):
            if "--fixed" not in sys.argv:
                optimizer.zero_grad(set_to_none=True)
            sounds, where, spelled = spoken(valley, 12)
            logits = model(sounds, where)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), spelled.flatten()) / VALLEYS
            loss.backward()
            total += loss.item()
        optimizer.step()
        if step % 40 == 0:
            with torch.no_grad():
                right = [
                    (model(sounds, where).argmax(2) == spelled).float().mean().item()
                    for sounds, where, spelled in tests
                ]
            shares = " ".join(f"{share:.2f}" for share in right)
            print(f"step {step} loss {total:.4f} right by valley {shares}")


main()
