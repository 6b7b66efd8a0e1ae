"""Lightning: an LSTM that tells the sign of the first of 30 numbers."""

import lightning.pytorch as pl
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from backsight.integrations.lightning import BacksightCallback

ITERATIONS = [24]
LAYERS = 1


class Module(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def training_step(self, batch, _):
        x, y = batch
        loss = cross_entropy(self.head(self.rnn(x)[0][:, -1]), y)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


if __name__ == "__main__":
    pl.seed_everything(0, verbose=False)
    x = torch.randn(128, 30, 1)
    batches = DataLoader(TensorDataset(x, (x[:, 0, 0] > 0).long()), 16)
    module = Module()
    trainer = pl.Trainer(max_epochs=3, accelerator="cpu", callbacks=[BacksightCallback()])
    trainer.fit(module, batches)
    print(sum(p.double().square().sum().item() for p in module.parameters()))
