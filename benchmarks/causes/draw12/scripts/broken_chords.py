"""The next note of broken chords is foretold by a small recurrent net under a trainer class."""

import sys

import torch
from torch import nn

torch.manual_seed(1205)
torch.set_num_threads(1)
NOTES = 16


class Melody(nn.Module):
    def __init__(self):
        super().__init__()
        self.notes = nn.Embedding(NOTES, 24)
        self.rnn = nn.RNN(24, 40, batch_first=True)
        self.next = nn.Linear(40, NOTES)

    def forward(self, played):
        return self.next(self.rnn(self.notes(played))[0])


class Trainer:
    def __init__(self, model, config):
        self.model = model
        self.config = config
        self.optimizer = torch.optim.SGD(model.parameters(), lr=config["lr"])

    def compute_loss(self, played):
        scores = self.model(played[:, :-1])
        return nn.functional.cross_entropy(scores.flatten(0, 1), played[:, 1:].flatten())

    def optimizer_step(self):
        self.optimizer.step()
        if self.config["zero_grad"]:
            self.optimizer.zero_grad()

    def train(self, steps):
        for step in range(1, steps + 1):
            loss = self.compute_loss(chords())
            loss.backward()
            self.optimizer_step()
            if step % 100 == 0:
                with torch.no_grad():
                    held = self.compute_loss(chords(200)).item()
                print(f"step {step} loss {loss.item():.4f} held out {held:.4f}")


def chords(n=32, length=20):
    """A figure of three notes walks up the scale by a step that each row has for itself."""
    root = torch.randint(0, NOTES, (n, 1))
    up = torch.randint(1, 4, (n, 1))
    t = torch.arange(length)
    return (root + up * (t // 3) + torch.tensor([0, 2, 4])[t % 3]) % NOTES


trainer = Trainer(Melody(), {"lr": 0.3, "zero_grad": "--fixed" in sys.argv})
trainer.train(900)
