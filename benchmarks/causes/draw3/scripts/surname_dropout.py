"""Two runs of the same cell of a notebook gave two accuracies: the function that drops does so
in evaluation, too, unless it is told."""

import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FIXED = "--fixed" in sys.argv
torch.manual_seed(4)
torch.set_num_threads(1)
endings = torch.randint(1, 27, (6, 3))


def names(n):
    nation = torch.randint(0, 6, (n,))
    x = torch.randint(1, 27, (n, 9))
    x[:, -3:] = endings[nation]
    wrong = torch.rand(n, 3) < 0.1
    x[:, -3:][wrong] = torch.randint(1, 27, (int(wrong.sum()),))
    return x, nation


class SurnameClassifier(nn.Module):
    def __init__(self, embedding_size=20, rnn_hidden_size=32):
        super().__init__()
        self.emb = nn.Embedding(27, embedding_size, padding_idx=0)
        self.rnn = nn.RNN(embedding_size, rnn_hidden_size, batch_first=True)
        self.fc1 = nn.Linear(rnn_hidden_size, rnn_hidden_size)
        self.fc2 = nn.Linear(rnn_hidden_size, 6)

    def forward(self, x_in):
        y_out, _ = self.rnn(self.emb(x_in))
        y_out = y_out[:, -1]
        training = self.training if FIXED else True
        y_out = F.relu(self.fc1(F.dropout(y_out, 0.5, training=training)))
        return self.fc2(F.dropout(y_out, 0.5, training=training))


classifier = SurnameClassifier()
optimizer = torch.optim.Adam(classifier.parameters(), lr=3e-3)
train, valid = names(1600), names(320)
for epoch in range(8):
    classifier.train()
    for index in torch.randperm(1600).split(32):
        optimizer.zero_grad()
        loss = F.cross_entropy(classifier(train[0][index]), train[1][index])
        loss.backward()
        optimizer.step()
    classifier.eval()
    right = 0
    with torch.no_grad():
        for index in torch.arange(320).split(64):
            right += (classifier(valid[0][index]).argmax(1) == valid[1][index]).sum().item()
    print(f"epoch {epoch} accuracy {right / 320:.3f}")
