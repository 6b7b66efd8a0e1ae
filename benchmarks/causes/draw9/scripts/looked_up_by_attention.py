"""The last state of a BiLSTM looks up one word of a sentence by attention."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(9020)
torch.set_num_threads(1)
KEYS, VALUES, n_hidden = 4, 6, 16


class BiLSTM_Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.key, self.value = nn.Embedding(KEYS + 1, 2 * n_hidden), nn.Embedding(VALUES, 16)
        self.lstm = nn.LSTM(2 * n_hidden, n_hidden, bidirectional=True)
        self.out = nn.Linear(16, VALUES)

    def attention_net(self, keys, values, final_state):
        if FIXED:
            hidden = torch.cat([final_state[0], final_state[1]], 1)[:, :, None]
        else:
            hidden = final_state.view(-1, n_hidden * 2, 1)
        attn = torch.bmm(keys, hidden).squeeze(2).softmax(1)
        return torch.bmm(values.transpose(1, 2), attn[:, :, None]).squeeze(2)

    def forward(self, question, keys, values):
        asked = self.key(question).transpose(0, 1)
        _, (final_hidden_state, _) = self.lstm(asked)
        return self.out(self.attention_net(self.key(keys), self.value(values), final_hidden_state))


def sentences(n=32):
    keys = torch.stack([torch.randperm(KEYS) for _ in range(n)])
    values = torch.randint(0, VALUES, (n, KEYS))
    wanted = torch.randint(0, KEYS, (n,))
    question = torch.full((n, 5), KEYS)
    question[torch.arange(n), torch.randint(0, 5, (n,))] = wanted
    answer = values[(keys == wanted[:, None])]
    return question, keys, values, answer


model = BiLSTM_Attention()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(500):
    question, keys, values, answer = sentences()
    optimizer.zero_grad()
    loss = criterion(model(question, keys, values), answer)
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 100 == 0:
        print(f"Epoch: {epoch + 1:04d} cost = {loss.item():.6f}")
