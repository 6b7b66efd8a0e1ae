"""Steps of a dance are named; the model gives log probabilities, and the loss norms them once more."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1235)
torch.set_num_threads(1)
NAMES, STEPS, JOINTS = 6, 20, 5
turning = torch.randn(NAMES, JOINTS)


class Dance(nn.Module):
    def __init__(self, size=36):
        super().__init__()
        self.rnn = nn.LSTM(JOINTS, size, batch_first=True)
        self.name = nn.Linear(size, NAMES)

    def forward(self, joints):
        _, (hidden, _) = self.rnn(joints)
        return torch.log_softmax(self.name(hidden[-1]), dim=-1)


def dances(n):
    name = torch.randint(0, NAMES, (n,))
    t = torch.arange(STEPS)[None, :, None]
    joints = torch.sin(0.4 * t + 2 * turning[name][:, None] + 0.3 * torch.randn(n, 1, 1))
    return TensorDataset(joints + 0.3 * torch.randn(n, STEPS, JOINTS), name)


loader = DataLoader(dances(1500), batch_size=30, shuffle=True)
held_joints, held_name = dances(300).tensors
model = Dance()
optimizer = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
criterion = nn.CrossEntropyLoss()
for epoch in range(1, 11):
    for joints, name in loader:
        loss = criterion(model(joints), name)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    with torch.no_grad():
        right = (model(held_joints).argmax(1) == held_name).float().mean()
    print(f"epoch {epoch} loss {loss.item():.4f} named right {right:.3f}")
