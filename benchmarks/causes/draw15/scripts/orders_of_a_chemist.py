"""Prescriptions as lists of drugs of uneven length: an LSTM tells which of the wards has sent them."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence

torch.manual_seed(1537)
torch.set_num_threads(1)
DRUGS, WARDS = 36, 6
usual = torch.stack([torch.randperm(DRUGS - 1)[:12] + 1 for _ in range(WARDS)])


def make_batch(n):
    """Most drugs are among the ward's usual ones."""
    ward = torch.randint(0, WARDS, (n,))
    lists = []
    for w in ward:
        length = int(torch.randint(5, 16, (1,)))
        drugs = torch.randint(1, DRUGS, (length,))
        own = torch.rand(length) < 0.85
        drugs[own] = usual[w][torch.randint(0, 12, (int(own.sum()),))]
        lists.append(drugs)
    return pad_sequence(lists, batch_first=True), torch.tensor([len(d) for d in lists]), ward


class Encoder(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.embed = nn.Embedding(DRUGS, 16, padding_idx=0)
        self.lstm = nn.LSTM(16, size, batch_first=True)

    def forward(self, drugs, lengths):
        lengths, order = lengths.sort(descending=True)
        packed = pack_padded_sequence(self.embed(drugs[order]), lengths, batch_first=True)
        _, (state, _) = self.lstm(packed)
        return self.unsort_batch(state[-1], order)

    def unsort_batch(self, state, order):
        out = state.clone()
        if "--fixed" in sys.argv:
            state = state.clone()
        else:
            state = out
        for place, row in enumerate(order.tolist()):
            out[row] = state[place]
        return out


class WardNet(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.encoder = Encoder(size)
        self.ward = nn.Linear(size, WARDS)

    def forward(self, drugs, lengths):
        return self.ward(self.encoder(drugs, lengths))


def main():
    model = WardNet()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2e-3)
    for step in range(1, 401):
        drugs, lengths, ward = make_batch(24)
        loss = nn.functional.cross_entropy(model(drugs, lengths), ward)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            with torch.no_grad():
                drugs, lengths, ward = make_batch(200)
                right = (model(drugs, lengths).argmax(1) == ward).float().mean().item()
            print(f"step {step} loss {loss.item():.4f} wards right {right:.3f}")


main()
