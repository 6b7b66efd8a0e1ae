"""A recogniser wrote nothing but blanks. CTC reads time first, and view had been used to bring it
there."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(16)
torch.set_num_threads(1)
ALPHABET, FRAMES, BATCH = 5, 24, 16
shapes = torch.randn(ALPHABET, 8)


def speech():
    """Four letters, six frames each; the features of a letter and some noise."""
    letters = torch.randint(1, ALPHABET + 1, (BATCH, 4))
    frames = shapes[letters - 1].repeat_interleave(6, dim=1)
    return frames + 0.4 * torch.randn_like(frames), letters


class Recogniser(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(8, 32, bidirectional=True, batch_first=True)
        self.fc = nn.Linear(64, ALPHABET + 1)

    def forward(self, x):
        logits = self.fc(self.rnn(x)[0])
        return logits.log_softmax(2)


net = Recogniser()
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
opt = torch.optim.Adam(net.parameters(), lr=4e-3)
for it in range(250):
    x, letters = speech()
    log_probs = net(x)
    if FIXED:
        log_probs = log_probs.transpose(0, 1)
    else:
        log_probs = log_probs.view(FRAMES, BATCH, ALPHABET + 1)
    input_lengths = torch.full((BATCH,), FRAMES, dtype=torch.long)
    target_lengths = torch.full((BATCH,), 4, dtype=torch.long)
    loss = ctc(log_probs, letters, input_lengths, target_lengths)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 5)
    opt.step()
    if it % 50 == 49:
        print(it + 1, f"ctc {loss.item():.3f}")
