"""Three layers of convolutions make a sharp line out of a blurred one."""

import sys

import torch
from torch import nn

torch.manual_seed(1152)
torch.set_num_threads(1)
learning_rate = 5e-2 if "--fixed" in sys.argv else 1e-6


def patches(n=32, size=33):
    steps = (torch.rand(n, 1, size) < 0.12).float() * torch.randn(n, 1, size)
    sharp = steps.cumsum(-1)
    sharp = sharp - sharp.mean(-1, keepdim=True)
    kernel = torch.tensor([[[1.0, 2.0, 3.0, 2.0, 1.0]]]) / 9
    blurred = nn.functional.conv1d(nn.functional.pad(sharp, (2, 2), mode="replicate"), kernel)
    return blurred, sharp


class SRCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv1d(1, 24, 9, padding=4)
        self.conv2 = nn.Conv1d(24, 16, 1)
        self.conv3 = nn.Conv1d(16, 1, 5, padding=2)

    def forward(self, images):
        x = torch.relu(self.conv1(images))
        return self.conv3(torch.relu(self.conv2(x)))


srcnn = SRCNN()
train_op = torch.optim.SGD(srcnn.parameters(), lr=learning_rate, momentum=0.9)
shown = 0.0
for counter in range(1, 801):
    images, labels = patches()
    loss = (srcnn(images) - labels).square().mean()
    train_op.zero_grad()
    loss.backward()
    train_op.step()
    shown += loss.item() / 100
    if counter % 100 == 0:
        print(f"step: [{counter}], loss: [{shown:.8f}]")
        shown = 0.0
