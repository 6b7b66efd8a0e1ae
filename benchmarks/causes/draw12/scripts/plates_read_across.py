"""The number on a plate is read across: columns of pixels, a convolution, then an LSTM."""

import sys

import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

torch.manual_seed(1231)
torch.set_num_threads(1)
config = {
    "trainer": {"epochs": 60, "batches": 8, "batch_size": 24},
    "optimizer": {"lr": 4e-3},
    "lr_scheduler": {"gamma": 0.97 if "--fixed" in sys.argv else 0.5},
}
HEIGHT, SLOTS, WIDE, SIGNS = 8, 5, 6, 10
glyphs = (torch.rand(SIGNS, HEIGHT, WIDE) < 0.5).float()


def plates(n):
    signs = torch.randint(0, SIGNS, (n, SLOTS))
    image = glyphs[signs].permute(0, 2, 1, 3).reshape(n, HEIGHT, SLOTS * WIDE)
    return image + 0.5 * torch.randn_like(image), signs


class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(HEIGHT, 24, 3, padding=1), nn.ReLU())
        self.lstm = nn.LSTM(24, 24, batch_first=True, bidirectional=True)
        self.slot = nn.Linear(48 * WIDE, SIGNS)

    def forward(self, image):
        out, _ = self.lstm(self.conv(image).transpose(1, 2))
        return self.slot(out.reshape(image.size(0), SLOTS, WIDE * 48))


class Trainer:
    def __init__(self, model, config):
        self.model, self.config = model, config["trainer"]
        self.optimizer = torch.optim.Adam(model.parameters(), **config["optimizer"])
        self.lr_scheduler = ExponentialLR(self.optimizer, **config["lr_scheduler"])

    def _train_epoch(self):
        total = 0.0
        for _ in range(self.config["batches"]):
            image, signs = plates(self.config["batch_size"])
            self.optimizer.zero_grad()
            logits = self.model(image)
            loss = nn.functional.cross_entropy(logits.flatten(0, 1), signs.flatten())
            loss.backward()
            self.optimizer.step()
            total += loss.item()
        return total / self.config["batches"]

    def train(self):
        for epoch in range(1, self.config["epochs"] + 1):
            loss = self._train_epoch()
            self.lr_scheduler.step()
            if epoch % 6 == 0:
                rate = self.optimizer.param_groups[0]["lr"]
                print(f"epoch {epoch} loss {loss:.4f} lr {rate:.2e}")


model = Recognizer()
Trainer(model, config).train()
with torch.no_grad():
    image, signs = plates(200)
    print("signs read right:", (model(image).argmax(-1) == signs).float().mean().item())
