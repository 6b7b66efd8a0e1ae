"""Memory rose through each epoch. What a step returned for the log held the loss itself, and all
of these were kept."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(30)
torch.set_num_threads(1)


class DepthOfBrackets(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(2, 8)
        self.gru = nn.GRU(8, 24, batch_first=True)
        self.depth = nn.Linear(24, 1)

    def training_step(self, batch):
        x, y = batch
        loss = F.l1_loss(self.depth(self.gru(self.embed(x))[0]).squeeze(2), y)
        return {"loss": loss, "n": len(x)}


class Trainer:
    def __init__(self, module):
        self.module = module
        self.optimizer = torch.optim.Adam(module.parameters(), lr=4e-3)
        self.outputs = []

    def fit(self, batches):
        for i in range(batches):
            x = torch.randint(0, 2, (24, 12))
            y = (2.0 * x - 1).cumsum(1) / 4
            output = self.module.training_step((x, y))
            self.optimizer.zero_grad()
            output["loss"].backward()
            self.optimizer.step()
            if FIXED:
                output["loss"] = output["loss"].detach()
            self.outputs.append(output)
            if i % 60 == 59:
                mean = sum(o["loss"] * o["n"] for o in self.outputs) / sum(
                    o["n"] for o in self.outputs
                )
                print(i + 1, f"{float(mean):.4f}")


Trainer(DepthOfBrackets()).fit(300)
