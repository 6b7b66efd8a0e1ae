"""accelerate has no callbacks: the loop goes into ``backsight.watch``, with what it prepared."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import backsight

ITERATIONS = [12]
LAYERS = 1

if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(128, 30, 4)
    batches = DataLoader(TensorDataset(x, (x[:, 0, 0] > 0).long()), 16)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
    model = nn.LSTM(4, 2, batch_first=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    model, optimizer, batches = accelerator.prepare(model, optimizer, batches)
    with backsight.watch(model, optimizer, every=3):
        for _ in range(3):
            for x, y in batches:
                with accelerator.accumulate(model):
                    loss = cross_entropy(model(x)[0][:, -1], y)
                    accelerator.backward(loss)
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    optimizer.zero_grad()
    print(sum(p.double().square().sum().item() for p in model.parameters()))
