"""Videos of unlike length, in batches of fifty frames: each frame is convolved, an LSTM goes over the
frames that there are, and five actions are told apart."""

import sys

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

FIXED = "--fixed" in sys.argv
torch.manual_seed(8117)
torch.set_num_threads(1)
FRAMES = 50


class EncoderCNN(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3)
        self.fc = nn.Linear(4 * 6, width)

    def forward(self, video):
        n, t, w = video.shape
        x = self.conv(video.reshape(n * t, 1, w)).relu()
        return self.fc(x.flatten(1)).reshape(n, t, -1)


class DecoderRNN(nn.Module):
    def __init__(self, width=16, hidden=32, actions=5):
        super().__init__()
        self.lstm = nn.LSTM(width, hidden, batch_first=True)
        self.fc1 = nn.Linear(hidden, 32)
        self.fc2 = nn.Linear(32, actions)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=FRAMES)
        out = out[torch.arange(len(x)), lengths - 1] if FIXED else out[:, -1]
        return self.fc2(self.fc1(out).relu())


def videos(n=24):
    action, lengths = torch.randint(0, 5, (n,)), torch.randint(10, FRAMES + 1, (n,))
    lengths[::6] = FRAMES
    video = torch.randn(n, FRAMES, 8)
    video[torch.arange(n)[:, None], :, action[:, None]] += 0.7
    inside = torch.arange(FRAMES) < lengths[:, None]
    return video * inside[..., None], lengths, action


cnn, rnn = EncoderCNN(), DecoderRNN()
optimizer = torch.optim.Adam([*cnn.parameters(), *rnn.parameters()], lr=3e-3)
for batch in range(1, 201):
    video, lengths, action = videos()
    scores = rnn(cnn(video), lengths)
    loss = nn.functional.cross_entropy(scores, action)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if batch % 40 == 0:
        right = (scores.argmax(1) == action).float().mean()
        print(f"batch {batch} loss {loss.item():.3f} right {right:.2f}")
