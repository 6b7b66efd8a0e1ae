# Surnames and where they come from, letter by letter (a notebook, cells one after the other).
import random
import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(1104)
random.seed(1104)
torch.set_num_threads(1)

# cell 1: the data
endings = {"Russian": "ov", "Italian": "ini", "Polish": "ski", "Irish": "agh", "Greek": "os"}
all_categories = list(endings)
letters = "abcdefghijklmnopqrstuvwxyz"


def random_training_pair():
    category = random.choice(all_categories)
    stem = "".join(random.choices(letters, k=random.randint(2, 5)))
    return category, stem + endings[category]


def line_to_tensor(line):
    return nn.functional.one_hot(
        torch.tensor([letters.index(c) for c in line]), len(letters)
    ).float()


# cell 2: the model
class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super().__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)

    def forward(self, line):
        hidden = torch.zeros(self.hidden_size)
        for letter in line:
            hidden = torch.tanh(self.i2h(torch.cat([letter, hidden])))
        return self.h2o(hidden)


n_hidden = 48
rnn = RNN(len(letters), n_hidden, len(all_categories))
optimizer = torch.optim.SGD(rnn.parameters(), lr=0.06, momentum=0.8)
criterion = nn.CrossEntropyLoss()

# cell 3: the training
rnn = RNN(len(letters), n_hidden, len(all_categories))
if FIXED:
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.06, momentum=0.8)

current_loss = 0.0
for epoch in range(1, 601):
    optimizer.zero_grad()
    loss = 0.0
    for _ in range(6):
        category, line = random_training_pair()
        output = rnn(line_to_tensor(line))
        loss = loss + criterion(output[None], torch.tensor([all_categories.index(category)])) / 6
    loss.backward()
    optimizer.step()
    current_loss += loss.item() / 100
    if epoch % 100 == 0:
        print(epoch, round(current_loss, 4))
        current_loss = 0.0
