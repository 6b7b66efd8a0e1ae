"""Steps and epochs have runners of their own; walks are told from runs and climbs."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1235)
torch.set_num_threads(1)
BY_EPOCH = "--fixed" in sys.argv


class StepRunner:
    def __init__(self, net, loss_fn, optimizer, lr_scheduler):
        self.net, self.loss_fn = net, loss_fn
        self.optimizer, self.lr_scheduler = optimizer, lr_scheduler

    def __call__(self, features, labels):
        preds = self.net(features)
        loss = self.loss_fn(preds, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        if not BY_EPOCH:
            self.lr_scheduler.step()
        return loss.item(), (preds.argmax(1) == labels).float().mean().item()


class EpochRunner:
    def __init__(self, step_runner):
        self.step_runner = step_runner

    def __call__(self, loader):
        logs = torch.tensor([self.step_runner(*batch) for batch in loader])
        if BY_EPOCH:
            self.step_runner.lr_scheduler.step()
        return logs.mean(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 32, num_layers=2, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(1))


def gaits(n, steps=32):
    """Four ways of going that differ in how the axes swing against each other."""
    kind = torch.randint(0, 4, (n,))
    time = torch.arange(steps) * (0.6 + 0.3 * torch.rand(n, 1)) + 6.28 * torch.rand(n, 1)
    lag = torch.tensor([0.0, 0.8, 1.6, 2.4])[kind][:, None]
    axes = torch.stack([time.sin(), (time + lag).sin(), (2 * time + lag).sin()], -1)
    return axes + 0.6 * torch.randn(n, steps, 3), kind


loader = DataLoader(TensorDataset(*gaits(960)), batch_size=32, shuffle=True)
net = Net()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=8, gamma=0.5)
run_epoch = EpochRunner(StepRunner(net, nn.CrossEntropyLoss(), optimizer, scheduler))
for epoch in range(1, 21):
    loss, acc = run_epoch(loader)
    print(f"epoch {epoch:2d} loss {loss:.4f} acc {acc:.3f} lr {scheduler.get_last_lr()[0]:.1e}")
features, labels = gaits(400)
with torch.no_grad():
    print("test acc", (net(features).argmax(1) == labels).float().mean().item())
