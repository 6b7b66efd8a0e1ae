"""Which things of a shop will be clicked next? The scores were squeezed between 0 and 1 by the
model, and once more by the loss."""

import sys

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

FIXED = "--fixed" in sys.argv
torch.manual_seed(407)
torch.set_num_threads(1)
N_ITEMS, N_USERS = 24, 640

tastes = torch.randint(0, 6, (N_USERS,))
shelf = torch.arange(N_ITEMS).view(6, 4)
history = shelf[tastes][torch.arange(N_USERS)[:, None], torch.randint(0, 4, (N_USERS, 8))]
stray = torch.rand(N_USERS, 8) < 0.3
history[stray] = torch.randint(0, N_ITEMS, (int(stray.sum()),))
future = torch.zeros(N_USERS, N_ITEMS).scatter_(1, shelf[(tastes + 1) % 6], 1.0)


class SessionGRU(nn.Module):
    def __init__(self, factors=32):
        super().__init__()
        self.item_embedding = nn.Embedding(N_ITEMS, factors)
        self.gru = nn.GRU(factors, factors, num_layers=2, dropout=0.1, batch_first=True)
        self.predict_layer = nn.Linear(factors, N_ITEMS)

    def forward(self, seq):
        _, h = self.gru(self.item_embedding(seq))
        pred = self.predict_layer(h[-1])
        return pred if FIXED else pred.sigmoid()


train = DataLoader(TensorDataset(history[:512], future[:512]), batch_size=32, shuffle=True)
model = SessionGRU()
criterion = nn.BCEWithLogitsLoss(reduction="sum")
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
for epoch in range(1, 21):
    model.train()
    current_loss = 0.0
    for seq, label in train:
        model.zero_grad()
        loss = criterion(model(seq), label)
        loss.backward()
        optimizer.step()
        current_loss += loss.item()
    if epoch % 5 == 0:
        model.eval()
        with torch.no_grad():
            top = model(history[512:]).topk(4, 1).indices
            precision = future[512:].gather(1, top).mean().item()
        print(f"[Epoch {epoch:03d}] - loss: {current_loss:.1f} - precision@4: {precision:.3f}")
