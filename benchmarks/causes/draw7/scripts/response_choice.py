"""Two encoders score the answers to a question. The scores go through a softmax and then into a loss
that makes one itself: the loss cannot come near nought, and its gradient fades as answers get sure."""

import sys

import torch
from torch import nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(7143)
torch.set_num_threads(1)


class DualEncoder(nn.Module):
    def __init__(self, vocab=20, dim=24):
        super().__init__()
        self.emb = nn.Embedding(vocab, dim)
        self.context = nn.LSTM(dim, 32, batch_first=True)
        self.answer = nn.LSTM(dim, 32, batch_first=True)
        self.final = nn.Identity() if FIXED else nn.Softmax(dim=-1)

    def forward(self, question, answers):
        q = self.context(self.emb(question))[1][0][-1]
        n, k, t = answers.shape
        a = self.answer(self.emb(answers.view(n * k, t)))[1][0][-1].view(n, k, -1)
        return self.final((a * q[:, None]).sum(-1))


def dialogues(n=24, k=8, t=6):
    question = torch.randint(0, 10, (n, t))
    answers = torch.randint(10, 20, (n, k, t))
    right = torch.randint(0, k, (n,))
    answers[torch.arange(n), right] = question + 10
    return question, answers, right


model = DualEncoder()
loss_func = nn.CrossEntropyLoss()
optim = torch.optim.Adam(model.parameters(), lr=4e-3)
for step in range(450):
    question, answers, right = dialogues()
    scores = model(question, answers)
    loss = loss_func(scores, right)
    optim.zero_grad()
    loss.backward()
    optim.step()
    if step % 90 == 89:
        acc = (scores.argmax(1) == right).float().mean().item()
        print(f"{step + 1} loss {loss.item():.3f} acc {acc:.2f}")
