"""Questions of a few words are asked about a scene of coloured shapes, and answered with one word."""

import sys

import torch
from torch import nn

torch.manual_seed(1201)
torch.set_num_threads(1)
SHAPES, COLOURS, WORDS = 5, 6, 12


class SceneModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, 24)
        self.question = nn.GRU(24, 40, batch_first=True)
        self.scene = nn.Sequential(nn.Linear(SHAPES * COLOURS, 64), nn.ReLU())
        self.gate = nn.Linear(40, 64)
        self.classifier = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, COLOURS))

    def forward(self, scene, question):
        asked = self.question(self.words(question))[1][-1]
        seen = self.scene(scene) * torch.sigmoid(self.gate(asked))
        return self.classifier(seen)

    def get_optimizer_parameters(self, lr):
        groups = [
            {"params": self.scene.parameters(), "lr": lr},
            {"params": self.gate.parameters(), "lr": lr},
            {"params": self.classifier.parameters(), "lr": lr},
        ]
        if "--fixed" in sys.argv:
            groups.append({"params": self.words.parameters(), "lr": lr})
            groups.append({"params": self.question.parameters(), "lr": lr})
        return groups


def ask(n=48, length=8):
    """The colour of a shape is wanted: the one named after the word 11; the others' names are chatter."""
    colour = torch.randint(0, COLOURS, (n, SHAPES))
    scene = nn.functional.one_hot(colour, COLOURS).float().flatten(1)
    question = torch.randint(0, 11, (n, length))
    at = torch.randint(0, length - 1, (n,))
    wanted = torch.randint(0, SHAPES, (n,))
    rows = torch.arange(n)
    question[rows, at] = 11
    question[rows, at + 1] = wanted
    return scene, question, colour[rows, wanted]


model = SceneModel()
optimizer = torch.optim.Adam(model.get_optimizer_parameters(lr=4e-3))
for step in range(1, 901):
    scene, question, answer = ask()
    loss = nn.functional.cross_entropy(model(scene, question), answer)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 150 == 0:
        scene, question, answer = ask(400)
        with torch.no_grad():
            right = (model(scene, question).argmax(-1) == answer).float().mean()
        print(f"step {step} loss {loss.item():.4f} answers right {right:.3f}")
