"""What each training step returned was kept for the end of the epoch, loss and all that hangs on
it. Memory grew with every batch."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(445)
torch.set_num_threads(1)


class DepthModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.GRU(4, 32, num_layers=2, batch_first=True)
        self.depth = nn.Linear(32, 1)

    def training_step(self, batch):
        x, y = batch
        prediction = self.depth(self.net(x)[0])
        photometric = F.smooth_l1_loss(prediction, y)
        smooth = (prediction[:, 1:] - prediction[:, :-1]).abs().mean()
        loss = photometric + 1e-3 * smooth
        return {"loss": loss, "metrics": {"photometric": photometric}, "depth": prediction}

    def training_epoch_end(self, output_list):
        mean = torch.stack([o["loss"].detach() for o in output_list]).mean()
        part = torch.stack([o["metrics"]["photometric"].detach() for o in output_list]).mean()
        return mean.item(), part.item()


def detach(value):
    return {k: detach(v) for k, v in value.items()} if isinstance(value, dict) else value.detach()


class HorovodlessTrainer:
    def __init__(self, max_epochs):
        self.max_epochs = max_epochs

    def fit(self, module):
        optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.7)
        for epoch in range(self.max_epochs):
            outputs = []
            for batch in self.batches():
                optimizer.zero_grad()
                output = module.training_step(batch)
                output["loss"].backward()
                optimizer.step()
                outputs.append(detach(output) if FIXED else output)
            scheduler.step()
            print(
                f"E: {epoch} | Avg.Loss: %.4f | photometric: %.4f"
                % module.training_epoch_end(outputs)
            )

    def batches(self, count=200):
        for _ in range(count):
            x = torch.randn(16, 15, 4)
            yield x, (0.5 * x[..., :1] + x[..., 1:2]).cumsum(1).tanh()


HorovodlessTrainer(max_epochs=2).fit(DepthModel())
