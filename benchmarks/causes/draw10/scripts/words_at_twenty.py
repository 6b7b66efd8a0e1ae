"""A language model of made-up words with a tanh network and the rate of an example."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(10051)
torch.set_num_threads(1)
TOKENS = 20
LR = 1.0 if FIXED else 20.0


class RNNModel(nn.Module):
    def __init__(self, ninp=32, nhid=32):
        super().__init__()
        self.encoder = nn.Embedding(TOKENS, ninp)
        self.rnn = nn.RNN(ninp, nhid, nonlinearity="tanh")
        self.decoder = nn.Linear(nhid, TOKENS)
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)

    def forward(self, data):
        return self.decoder(self.rnn(self.encoder(data))[0])


follows = torch.softmax(3 * torch.randn(TOKENS, TOKENS), 1)


def corpus(n=20, length=16):
    words = [torch.randint(0, TOKENS, (n,))]
    for _ in range(length):
        words.append(torch.multinomial(follows[words[-1]], 1).squeeze(1))
    text = torch.stack(words)
    return text[:-1], text[1:]


model = RNNModel()
criterion = nn.CrossEntropyLoss()
for batch in range(1, 401):
    data, targets = corpus()
    model.zero_grad()
    loss = criterion(model(data).view(-1, TOKENS), targets.view(-1))
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(p.grad, alpha=-LR)
    if batch % 80 == 0:
        print(f"| {batch}/400 batches | lr {LR} | loss {loss.item():.3f}")
