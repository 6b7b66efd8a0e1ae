"""A bidirectional LSTM below a conditional random field, on padded sentences."""

import torch
from torch import nn

torch.manual_seed(6)
torch.set_num_threads(1)
TAGS, PAD = 4, 0


class BiLSTMCRF(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16, padding_idx=PAD)
        self.lstm = nn.LSTM(16, 16, bidirectional=True, batch_first=True)
        self.emit = nn.Linear(32, TAGS)
        self.move = nn.Parameter(0.1 * torch.randn(TAGS, TAGS))

    def forward(self, x, tags, mask):
        emit = self.emit(self.lstm(self.embed(x))[0])
        gold = emit.gather(2, tags[..., None]).squeeze(2)
        score = (gold * mask).sum(1)
        score = score + (self.move[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]).sum(1)
        alpha = emit[:, 0]
        for t in range(1, x.size(1)):
            new = torch.logsumexp(alpha[:, :, None] + self.move, 1) + emit[:, t]
            alpha = torch.where(mask[:, t : t + 1] > 0, new, alpha)
        return (torch.logsumexp(alpha, 1) - score).mean()


model = BiLSTMCRF()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for step in range(250):
    lengths = torch.randint(3, 13, (24,)).sort(descending=True).values
    x = torch.randint(1, 30, (24, int(lengths[0])))
    mask = (torch.arange(x.size(1)) < lengths[:, None]).float()
    tags = (x % 2) + 2 * (x.roll(-1, 1) > 15).long() * mask.long()
    x = x * mask.long()
    loss = model(x, tags * mask.long(), mask)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 20.0)
    optimizer.step()
    if step % 50 == 49:
        print(step + 1, f"{loss.item():.3f}")
