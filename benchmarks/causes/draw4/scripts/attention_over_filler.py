"""Questions are attended to word by word. Fillers are words, too, where nothing hides them:
nearly all of the attention of a short question went there."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(429)
torch.set_num_threads(1)
MAX_LEN, VOCAB, ANSWERS = 100, 30, 6


class ControlUnit(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.query = nn.Parameter(torch.randn(dim) / dim**0.5)
        self.attn = nn.Linear(dim, dim)

    def forward(self, words, question_len):
        score = torch.tanh(self.attn(words)) @ self.query
        if FIXED:
            outside = torch.arange(words.size(1))[None] >= question_len[:, None]
            score = score.masked_fill(outside, float("-inf"))
        weight = F.softmax(score, 1)
        return (weight.unsqueeze(-1) * words).sum(1)


class QuestionNet(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.lstm = nn.LSTM(dim, dim // 2, batch_first=True, bidirectional=True)
        self.control = ControlUnit(dim)
        self.classifier = nn.Linear(dim, ANSWERS)

    def forward(self, question, question_len):
        words, _ = self.lstm(self.embed(question))
        return self.classifier(self.control(words, question_len))


def clevr(n=32):
    question_len = torch.randint(3, 7, (n,))
    question_len[:2] = MAX_LEN
    question = torch.randint(8, VOCAB, (n, MAX_LEN))
    question[torch.arange(MAX_LEN)[None] >= question_len[:, None]] = 0
    answer = torch.randint(0, ANSWERS, (n,))
    place = torch.randint(0, 3, (n, 1))
    question.scatter_(1, place, answer[:, None] + 1)
    return question, question_len, answer


net = QuestionNet()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
moving_loss = 2.0
for i in range(160):
    question, question_len, answer = clevr()
    output = net(question, question_len)
    loss = F.cross_entropy(output, answer)
    net.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 8.0)
    optimizer.step()
    moving_loss = 0.98 * moving_loss + 0.02 * loss.item()
    if i % 40 == 39:
        correct = (output.argmax(1) == answer).float().mean().item()
        print(
            f"{i + 1}; Loss: {loss.item():.5f}; Current: {correct:.3f}; Average: {moving_loss:.5f}"
        )
