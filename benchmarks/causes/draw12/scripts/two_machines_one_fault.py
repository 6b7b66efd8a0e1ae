"""Faults are told from vibrations of two machines; a second head tells from which machine they come."""

import sys

import torch
from torch import nn

torch.manual_seed(1207)
torch.set_num_threads(1)
FAULTS = 16


class Extractor(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 16, 5, stride=2)
        self.gru = nn.GRU(16, 40, batch_first=True)

    def forward(self, x):
        x = torch.relu(self.conv(x)).transpose(1, 2)
        return self.gru(x)[1][-1]


def head(classes):
    layers = [nn.Linear(40, 32), nn.ReLU(), nn.Linear(32, classes)]
    if "--fixed" not in sys.argv:
        layers.append(nn.Softmax(dim=1))
    return nn.Sequential(*layers)


def vibrations(n=32, length=64):
    fault = torch.randint(0, FAULTS, (n,))
    machine = torch.randint(0, 2, (n,))
    t = torch.arange(length) / length
    rate = 2 + 1.2 * fault[:, None] + 0.4 * machine[:, None]
    wave = torch.sin(2 * torch.pi * (rate * t + torch.rand(n, 1)))
    wave = wave * (1 + 0.5 * machine[:, None]) + 0.2 * torch.randn(n, length)
    return wave[:, None], fault, machine


extractor, classifier, discriminator = Extractor(), head(FAULTS), head(2)
params = [*extractor.parameters(), *classifier.parameters(), *discriminator.parameters()]
optimizer = torch.optim.Adam(params, lr=3e-3)
criterion = nn.CrossEntropyLoss()
for step in range(1, 501):
    wave, fault, machine = vibrations()
    features = extractor(wave)
    class_loss = criterion(classifier(features), fault)
    domain_loss = criterion(discriminator(features), machine)
    loss = class_loss + 0.3 * domain_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        wave, fault, machine = vibrations(300)
        with torch.no_grad():
            scores = classifier(extractor(wave))
        right = (scores.argmax(1) == fault).float().mean()
        print(f"{step} class {class_loss:.4f} domain {domain_loss:.4f} faults right {right:.3f}")
