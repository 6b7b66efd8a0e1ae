"""Which words of an address name its street? A word's part depends on the words around it."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(1511)
torch.set_num_threads(1)
WORDS, TAGS, LENGTH = 60, 4, 12


def addresses(n):
    """The tag of a word: the sum of the classes of its two neighbours, modulo the tags."""
    words = torch.randint(0, WORDS, (n, LENGTH))
    kinds = words % TAGS
    before = torch.cat([torch.zeros(n, 1, dtype=torch.long), kinds[:, :-1]], 1)
    after = torch.cat([kinds[:, 1:], torch.zeros(n, 1, dtype=torch.long)], 1)
    return TensorDataset(words, (before + after) % TAGS)


class AddressTagger(nn.Module):
    def __init__(self, dim=24, size=32):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, dim)
        self.bilstm = nn.LSTM(dim, size, batch_first=True, bidirectional=True)
        self.hidden = nn.Linear(2 * size, 32)
        self.classifier = nn.Linear(32, TAGS)

    def forward(self, words):
        states, _ = self.bilstm(self.embedding(words))
        return self.classifier(torch.relu(self.hidden(states)))


class Trainer:
    def __init__(self, model, train_data, test_data):
        self.model = model
        self.train_loader = DataLoader(train_data, batch_size=32, shuffle=True)
        self.test_loader = DataLoader(test_data, batch_size=128)
        self.loss_func = nn.CrossEntropyLoss()
        self.optimizer = self.build_optimizer()

    def build_optimizer(self):
        parameters = []
        params = {"lr": 2e-3, "weight_decay": 0.0, "params": []}
        for name, param in self.model.named_parameters():
            if name.startswith("embedding"):
                params["params"].append(param)
        parameters.append(params)

        params = {"lr": 4e-3, "weight_decay": 1e-4, "params": []}
        for name, param in self.model.named_parameters():
            if name.startswith(("hidden", "classifier")):
                params["params"].append(param)
        parameters.append(params)

        params = {"lr": 4e-3, "weight_decay": 1e-4, "params": []}
        for name, param in self.model.named_parameters():
            if name.startswith("bilstm"):
                params["params"].append(param)
        if "--fixed" in sys.argv:
            parameters.append(params)
        return torch.optim.AdamW(parameters)

    def train(self, epochs):
        for epoch in range(1, epochs + 1):
            self.model.train()
            total = 0.0
            for words, tags in self.train_loader:
                loss = self.loss_func(self.model(words).transpose(1, 2), tags)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                total += loss.item()
            mean = total / len(self.train_loader)
            print(f"epoch {epoch:2d} loss {mean:.4f} right {self.evaluate():.3f}")

    @torch.no_grad()
    def evaluate(self):
        self.model.eval()
        right = [(self.model(w).argmax(-1) == t).float().mean() for w, t in self.test_loader]
        return torch.stack(right).mean().item()


Trainer(AddressTagger(), addresses(1600), addresses(400)).train(8)
