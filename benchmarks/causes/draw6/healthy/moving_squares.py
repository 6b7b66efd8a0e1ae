"""A convolutional LSTM, with batch normalisation of its pictures, says what the next picture is."""

import torch
from torch import nn

torch.manual_seed(6224)
torch.set_num_threads(1)


class ConvLSTM(nn.Module):
    def __init__(self, channels=8):
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.gates = nn.Conv2d(1 + channels, 4 * channels, 3, padding=1)
        self.out = nn.Conv2d(channels, 1, 1)
        self.channels = channels

    def forward(self, film):
        n, t, _, rows, columns = film.shape
        x = self.norm(film.flatten(0, 1)).unflatten(0, (n, t))
        h = film.new_zeros(n, self.channels, rows, columns)
        c = torch.zeros_like(h)
        for step in x.unbind(1):
            i, f, o, g = self.gates(torch.cat([step, h], 1)).chunk(4, 1)
            c = torch.sigmoid(f + 1) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        return self.out(h)


def films(n=8, t=5, size=8):
    film = torch.zeros(n, t + 1, 1, size, size)
    way = torch.tensor([[0, 1], [1, 0], [0, -1], [-1, 0]])[torch.randint(0, 4, (n,))]
    at = torch.randint(0, size, (n, 2))
    for step in range(t + 1):
        place = (at + step * way) % size
        for dr in (0, 1):
            film[torch.arange(n), step, 0, (place[:, 0] + dr) % size, place[:, 1]] = 1.0
    return film[:, :-1], film[:, -1]


model = ConvLSTM()
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(250):
    film, wanted = films()
    loss = nn.functional.binary_cross_entropy_with_logits(model(film), wanted)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 49:
        print(f"{step + 1} {loss.item():.4f}")
