"""An encoder and a decoder with attention write words with every vowel moved on by one."""

import sys

import torch
from torch import nn

torch.manual_seed(1251)
torch.set_num_threads(1)
CHARS, LENGTH, BOS = 20, 6, 20


class opts:
    optim = "adam"
    learning_rate = 0.004 if "--fixed" in sys.argv else 2.0
    rnn_size = 64
    train_steps = 600
    batch_size = 32
    max_grad_norm = 5.0


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CHARS, opts.rnn_size)
        half = opts.rnn_size // 2
        self.rnn = nn.GRU(opts.rnn_size, half, batch_first=True, bidirectional=True)

    def forward(self, src):
        memory, state = self.rnn(self.embed(src))
        return memory, torch.cat([state[0], state[1]], -1).unsqueeze(0)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(CHARS + 1, opts.rnn_size)
        self.rnn = nn.GRU(opts.rnn_size, opts.rnn_size, batch_first=True)
        self.attn = nn.Linear(opts.rnn_size, opts.rnn_size)
        self.generator = nn.Linear(2 * opts.rnn_size, CHARS)

    def forward(self, tgt_in, memory, state):
        out, _ = self.rnn(self.embed(tgt_in), state)
        weights = (self.attn(out) @ memory.transpose(1, 2)).softmax(-1)
        return self.generator(torch.cat([out, weights @ memory], -1))


def batch(n):
    src = torch.randint(0, CHARS, (n, LENGTH))
    tgt = torch.where(src % 4 == 0, (src + 4) % CHARS, src)
    return src, torch.cat([torch.full((n, 1), BOS), tgt[:, :-1]], 1), tgt


encoder, decoder = Encoder(), Decoder()
params = [*encoder.parameters(), *decoder.parameters()]
optim = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[opts.optim](
    params, lr=opts.learning_rate, betas=(0.9, 0.998)
)
for step in range(1, opts.train_steps + 1):
    src, tgt_in, tgt = batch(opts.batch_size)
    logits = decoder(tgt_in, *encoder(src))
    loss = nn.functional.cross_entropy(logits.flatten(0, 1), tgt.flatten())
    optim.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(params, opts.max_grad_norm)
    optim.step()
    if step % 50 == 0:
        acc = (logits.argmax(-1) == tgt).float().mean().item()
        print(f"Step {step}/{opts.train_steps}; acc: {100 * acc:5.1f}; xent: {loss.item():.3f}")
