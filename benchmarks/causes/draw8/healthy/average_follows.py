"""A slow average of the weights is kept beside the model and looked at between whiles."""

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(8213)
torch.set_num_threads(1)


class Counter(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.rnn = nn.GRU(5, width, batch_first=True)
        self.out = nn.Linear(width, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0])[..., 0]


def counts(n=32, t=16):
    symbol = torch.randint(0, 5, (n, t))
    wanted = ((symbol == 1).float() - (symbol == 3).float()).cumsum(1) / 3
    return nn.functional.one_hot(symbol, 5).float(), wanted


model = Counter()
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.98))
opt = torch.optim.NAdam(model.parameters(), lr=4e-3)
for step in range(260):
    x, wanted = counts()
    loss = (model(x) - wanted).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    ema.update_parameters(model)
    if step % 65 == 64:
        ema.eval()
        with torch.no_grad():
            x, wanted = counts(100)
            slow = (ema(x) - wanted).square().mean().item()
        print(f"{step + 1} model {loss.item():.4f} average {slow:.4f}")
