"""Messages tapped through a wall, with taps and pauses of any length, are written down with the CTC loss."""

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence

torch.manual_seed(17304)
torch.set_num_threads(1)
SIGNS, LOUD = 6, 5
SOUND = torch.randn(SIGNS + 1, LOUD)
SOUND[0] = 0.0


def message():
    signs = torch.randint(1, SIGNS + 1, (int(torch.randint(2, 6, (1,))),))
    frames = []
    for s in signs.tolist():
        frames += [0] * int(torch.randint(1, 3, (1,))) + [s] * int(torch.randint(2, 5, (1,)))
    return SOUND[frames] + 0.2 * torch.randn(len(frames), LOUD), signs


def batch(n):
    """Frames (batch, time, loudness), how many there are, the messages end to end and how long they are."""
    frames, signs = zip(*[message() for _ in range(n)], strict=True)
    frame_lengths = torch.tensor([len(f) for f in frames])
    sign_lengths = torch.tensor([len(s) for s in signs])
    return pad_sequence(frames, batch_first=True), frame_lengths, torch.cat(signs), sign_lengths


class Listener(nn.Module):
    def __init__(self, size=32):
        super().__init__()
        self.front = nn.Sequential(nn.Linear(LOUD, 24), nn.ReLU())
        self.lstm = nn.LSTM(24, size, batch_first=True)
        self.out = nn.Linear(size, SIGNS + 1)

    def forward(self, frames):
        return self.out(self.lstm(self.front(frames))[0])


def read(logits, length):
    best = logits[:length].argmax(1).unique_consecutive()
    return best[best > 0]


def main():
    model = Listener()
    ctc = nn.CTCLoss(blank=0, zero_infinity=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(1, 401):
        frames, frame_lengths, signs, sign_lengths = batch(24)
        log_probs = model(frames).log_softmax(2).transpose(0, 1)
        loss = ctc(log_probs, signs, frame_lengths, sign_lengths)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
        if step % 40 == 0:
            with torch.no_grad():
                frames, frame_lengths, signs, sign_lengths = batch(60)
                logits = model(frames)
            whole = zip(logits, frame_lengths, signs.split(sign_lengths.tolist()), strict=True)
            right = sum(torch.equal(read(row, n), said) for row, n, said in whole) / 60
            print(f"step {step} loss {loss.item():.4f} messages right {right:.3f}")


if __name__ == "__main__":
    main()
