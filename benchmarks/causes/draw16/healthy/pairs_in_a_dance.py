"""Dancers in a row wear numbers; each is told whether somebody else in the row wears the same: self-attention."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(169303)
torch.set_num_threads(1)
NUMBERS, ROW, WARM = 24, 12, 100


def rows(n):
    numbers = torch.randint(1, NUMBERS, (n, ROW))
    numbers[torch.arange(ROW).expand(n, -1) >= torch.randint(8, ROW + 1, (n, 1))] = 0
    same = numbers.unsqueeze(2) == numbers.unsqueeze(1)
    return numbers, (same.sum(dim=2) > 1).float()


class Caller(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.embed = nn.Embedding(NUMBERS, width, padding_idx=0)
        layer = nn.TransformerEncoderLayer(
            width, 4, dim_feedforward=64, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, 2, nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.out = nn.Linear(width, 1)

    def forward(self, numbers):
        x = self.encoder(self.embed(numbers), src_key_padding_mask=numbers == 0)
        return self.out(x).squeeze(-1)


def rate(step):
    return min((step + 1) / WARM, (WARM / (step + 1)) ** 0.5)


model = Caller()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
loss_fn = nn.BCEWithLogitsLoss(reduction="none")
loader = DataLoader(TensorDataset(*rows(2560)), batch_size=32, shuffle=True)
test_numbers, test_paired = rows(300)
for epoch in range(1, 6):
    total = 0.0
    for numbers, paired in loader:
        danced = (numbers != 0).float()
        loss = (loss_fn(model(numbers), paired) * danced).sum() / danced.sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        total += loss.item() / len(loader)
    with torch.no_grad():
        told = model(test_numbers) > 0
    right = (told == test_paired.bool())[test_numbers != 0].float().mean().item()
    print(
        f"epoch {epoch} rate {scheduler.get_last_lr()[0]:.2e} loss {total:.3f} told right {right:.3f}"
    )
