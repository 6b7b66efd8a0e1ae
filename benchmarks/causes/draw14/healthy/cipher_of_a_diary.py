"""Words of a diary and their cipher: the decoder takes up the encoder's last state and writes."""

import torch
from torch import nn

torch.manual_seed(1430)
torch.set_num_threads(1)
LETTERS, LENGTH, START = 12, 5, 12
cipher = torch.randperm(LETTERS)


class Encoder(nn.Module):
    def __init__(self, size=72):
        super().__init__()
        self.embed = nn.Embedding(LETTERS, 20)
        self.gru = nn.GRU(20, size, batch_first=True)

    def forward(self, plain):
        return self.gru(self.embed(plain))[1]


class Decoder(nn.Module):
    def __init__(self, size=72):
        super().__init__()
        self.embed = nn.Embedding(LETTERS + 1, 20)
        self.gru = nn.GRU(20, size, batch_first=True)
        self.letters = nn.Linear(size, LETTERS)

    def forward(self, written, state):
        out, state = self.gru(self.embed(written), state)
        return self.letters(out), state


def entries(n):
    """Each letter is written in cipher, and the last one goes first."""
    plain = torch.randint(0, LETTERS, (n, LENGTH))
    return plain, cipher[plain].roll(1, dims=1)


@torch.no_grad()
def written_right(encoder, decoder, n=300):
    plain, secret = entries(n)
    state, letter = encoder(plain), torch.full((n, 1), START)
    right = 0.0
    for k in range(LENGTH):
        scores, state = decoder(letter, state)
        letter = scores.argmax(-1)
        right += (letter[:, 0] == secret[:, k]).float().mean().item() / LENGTH
    return right


encoder, decoder = Encoder(), Decoder()
parameters = [*encoder.parameters(), *decoder.parameters()]
optimizer = torch.optim.AdamW(parameters, lr=4e-3, weight_decay=1e-4)
for step in range(1, 601):
    plain, secret = entries(64)
    written = torch.cat((torch.full((64, 1), START), secret[:, :-1]), dim=1)
    scores, _ = decoder(written, encoder(plain))
    loss = nn.functional.cross_entropy(scores.transpose(1, 2), secret)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    if step % 100 == 0:
        right = written_right(encoder, decoder)
        print(f"step {step} loss {loss.item():.4f} letters right {right:.3f}")
