"""A sentence encoder after a tutorial. The rows of a batch come first and nobody has told the layer:
it reads down the batch, one word of every sentence, and its final state is about the last row."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(6150)
torch.set_num_threads(1)


class SimpleLSTMEncoder(nn.Module):
    def __init__(self, vocab=15, embed_dim=24, hidden_dim=40, dropout=0.0):
        super().__init__()
        self.embed_tokens = nn.Embedding(vocab, embed_dim)
        self.dropout = nn.Dropout(p=dropout)
        self.lstm = nn.LSTM(embed_dim, hidden_dim, num_layers=1, batch_first=FIXED)

    def forward(self, src_tokens):
        x = self.dropout(self.embed_tokens(src_tokens))
        outputs, (final_hidden, _) = self.lstm(x)
        return outputs


class NextWord(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = SimpleLSTMEncoder()
        self.output_projection = nn.Linear(40, 15)

    def forward(self, tokens):
        return self.output_projection(self.encoder(tokens))


after_next = torch.randperm(15)


def sentences(n=20, t=12):
    """Each word follows from the last but one."""
    words = [torch.randint(0, 15, (n,)), torch.randint(0, 15, (n,))]
    while len(words) <= t:
        sure = after_next[words[-2]]
        words.append(torch.where(torch.rand(n) < 0.9, sure, torch.randint(0, 15, (n,))))
    words = torch.stack(words, 1)
    return words[:, :-1], words[:, 1:]


model = NextWord()
optimizer = torch.optim.Adam(model.parameters(), lr=6e-3)
for update in range(400):
    tokens, target = sentences()
    scores = model(tokens)
    loss = nn.functional.cross_entropy(scores[:, 1:].flatten(0, 1), target[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if update % 80 == 79:
        print(
            f"| epoch 001 | {update + 1} / 400 loss={loss.item():.3f} ppl={loss.exp().item():.2f}"
        )
