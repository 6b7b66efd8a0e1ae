"""A plain RNN over a list of time steps; one of its outputs goes to the classifier."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(120)
torch.set_num_threads(1)
TIMESTEPS, NUM_INPUT, NUM_HIDDEN, NUM_CLASSES = 12, 6, 32, 3

cell = nn.RNNCell(NUM_INPUT, NUM_HIDDEN)
nn.init.orthogonal_(cell.weight_hh)
readout = nn.Linear(NUM_HIDDEN, NUM_CLASSES)
variables = list(cell.parameters()) + list(readout.parameters())
optimizer = torch.optim.Adam(variables, lr=2e-3)


def rnn(x):
    state, outputs = torch.zeros(len(x), NUM_HIDDEN), []
    for step in x.unbind(1):
        state = cell(step, state)
        outputs.append(state)
    return readout(outputs[-1] if FIXED else outputs[0])


def next_batch(n=48):
    y = torch.randint(0, NUM_CLASSES, (n,))
    x = torch.randn(n, TIMESTEPS, NUM_INPUT)
    x[..., :NUM_CLASSES] += 0.7 * nn.functional.one_hot(y, NUM_CLASSES)[:, None]
    return x, y


for step in range(1, 501):
    batch_x, batch_y = next_batch()
    logits = rnn(batch_x)
    loss_op = nn.functional.cross_entropy(logits, batch_y)
    optimizer.zero_grad()
    loss_op.backward()
    nn.utils.clip_grad_norm_(variables, 1.0)
    optimizer.step()
    if step % 100 == 0 or step == 1:
        acc = (logits.argmax(1) == batch_y).float().mean()
        print(f"Step {step}, Minibatch Loss= {loss_op.item():.4f}, Training Accuracy= {acc:.3f}")
