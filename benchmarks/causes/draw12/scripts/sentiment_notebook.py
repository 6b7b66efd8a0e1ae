"""A notebook's classifier of short texts: embedding, recurrent net and a linear decoder for ten topics."""

import sys

import torch
from torch import nn

torch.manual_seed(1219)
torch.set_num_threads(1)
WORDS, LENGTH, TOPICS = 80, 32, 10


class RNNClassifier(nn.Module):
    def __init__(self, hidden_size=32):
        super().__init__()
        self.hidden_size = hidden_size
        self.encoder = nn.Embedding(WORDS, 24)
        self.rnn = nn.LSTM(24, hidden_size, batch_first=True)
        self.decoder = nn.Linear(hidden_size, TOPICS)

    def init_hidden(self, batch_size):
        zeros = torch.zeros(1, batch_size, self.hidden_size)
        return zeros, zeros.clone()

    def forward(self, inputs):
        encoded = self.encoder(inputs)
        output, _ = self.rnn(encoded, self.init_hidden(inputs.size(0)))
        if "--fixed" in sys.argv:
            return self.decoder(output[:, -1, :])
        return self.decoder(output[:, :, -1])


def texts(n=32):
    """Each topic has words that it likes; the topic named most often wins, whatever the place."""
    topic = torch.randint(0, TOPICS, (n,))
    words = torch.randint(20, WORDS, (n, LENGTH))
    own = topic[:, None] * 2 + torch.randint(0, 2, (n, LENGTH))
    others = torch.randint(0, 20, (n, LENGTH))
    draw = torch.rand(n, LENGTH)
    words = torch.where(draw < 0.2, own, torch.where(draw < 0.32, others, words))
    return words, topic


model = RNNClassifier()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for step in range(1, 501):
    words, topic = texts()
    loss = criterion(model(words), topic)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 2.0)
    optimizer.step()
    if step % 100 == 0:
        words, topic = texts(400)
        with torch.no_grad():
            right = (model(words).argmax(1) == topic).float().mean()
        print(f"step {step} loss {loss.item():.4f} topics right {right:.3f}")
