"""The beds taken in a clinic are forecast for 12 days from 28 days before, by encoder and decoder."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(14110)
torch.set_num_threads(1)
PAST, FUTURE = 28, 12


def clinics(n):
    """Scaled beds, and what is known of each day beforehand: its place in the week, and holidays."""
    days = torch.arange(PAST + FUTURE).expand(n, -1)
    weekday = (days + torch.randint(0, 7, (n, 1))) % 7
    holiday = (torch.rand(n, PAST + FUTURE) < 0.08).float()
    swing = 0.5 + torch.rand(n, 1)
    level = torch.randn(n, 1) + (0.15 * days + 6.28 * torch.rand(n, 1)).sin()
    beds = level + swing * (weekday < 5).float() - 0.8 * holiday
    beds = beds + 0.05 * torch.randn(n, PAST + FUTURE)
    known = torch.cat([nn.functional.one_hot(weekday, 7).float(), holiday[..., None]], -1)
    return known, beds


class DecoderRNN(nn.Module):
    def __init__(self, size=40):
        super().__init__()
        self.encoder = nn.LSTM(9, size, batch_first=True)
        self.decoder = nn.LSTM(9, size, batch_first=True)
        self.output_layer = nn.Linear(size, 1)

    def forward(self, known, beds):
        """Training: the decoder is given the beds of the days along with what is known of them."""
        x = torch.cat([beds[..., None], known], -1)
        _, state = self.encoder(x[:, :PAST])
        decoder_cont = x[:, PAST:]
        if "--fixed" in sys.argv:
            lagged = beds[:, PAST - 1 : -1, None]
            decoder_cont = torch.cat([lagged, known[:, PAST:]], -1)
        return self.output_layer(self.decoder(decoder_cont, state)[0]).squeeze(-1)

    @torch.no_grad()
    def predict(self, known, past_beds):
        _, state = self.encoder(torch.cat([past_beds[..., None], known[:, :PAST]], -1))
        bed = past_beds[:, -1:]
        forecast = []
        for day in range(PAST, PAST + FUTURE):
            step = torch.cat([bed[..., None], known[:, day : day + 1]], -1)
            hidden, state = self.decoder(step, state)
            bed = self.output_layer(hidden).squeeze(-1)
            forecast.append(bed)
        return torch.cat(forecast, 1)


net = DecoderRNN()
optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
loader = DataLoader(TensorDataset(*clinics(1280)), batch_size=32, shuffle=True)
test_known, test_beds = clinics(200)
for epoch in range(1, 13):
    total = 0.0
    for known, beds in loader:
        loss = nn.functional.smooth_l1_loss(net(known, beds), beds[:, PAST:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        total += loss.item() / len(loader)
    forecast = net.predict(test_known, test_beds[:, :PAST])
    error = (forecast - test_beds[:, PAST:]).abs().mean().item()
    print(f"epoch {epoch} loss {total:.4f} mean error of forecasts {error:.3f}")
