"""Praise or blame in the guest book of an inn: a bidirectional GRU and the mean over its states."""

import sys
import time

import torch
from torch import nn, optim
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(1535)
torch.set_num_threads(1)
WORDS, LENGTH, NOT = 32, 12, 0


class GuestBook(Dataset):
    """Words 1 to 12 praise, 13 to 24 blame, and a "not" turns the word after it round."""

    def __init__(self, n):
        words = torch.randint(1, WORDS, (4 * n, LENGTH))
        words[torch.rand(4 * n, LENGTH) < 0.15] = NOT
        value = (words <= 12).float() - ((words > 12) & (words <= 24)).float()
        value[words == NOT] = 0.0
        value[:, 1:] *= 1 - 2 * (words[:, :-1] == NOT).float()
        clear = value.sum(1).abs() >= 2
        self.words = words[clear][:n]
        self.label = (value.sum(1)[clear][:n] > 0).long()

    def __len__(self):
        return len(self.label)

    def __getitem__(self, i):
        return self.words[i], self.label[i]


class Opinion(nn.Module):
    def __init__(self, size=24):
        super().__init__()
        self.embed = nn.Embedding(WORDS, 16)
        self.gru = nn.GRU(16, size, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * size, 2)

    def forward(self, words):
        return self.fc(self.gru(self.embed(words))[0].mean(1))


dataloaders = {
    "train": DataLoader(GuestBook(1600), batch_size=64, shuffle=True),
    "val": DataLoader(GuestBook(320), batch_size=64),
}


def train_model(model, criterion, optimizer, scheduler, num_epochs=16):
    since = time.time()
    for epoch in range(num_epochs):
        for phase in ["train", "val"]:
            model.train(phase == "train")
            running_loss = running_corrects = seen = 0
            for inputs, labels in dataloaders[phase]:
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(inputs)
                    loss = criterion(outputs, labels)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                        if "--fixed" not in sys.argv:
                            scheduler.step()
                running_loss += loss.item() * len(labels)
                running_corrects += (outputs.argmax(1) == labels).sum().item()
                seen += len(labels)
            if phase == "train" and "--fixed" in sys.argv:
                scheduler.step()
            print(
                f"epoch {epoch} {phase} loss {running_loss / seen:.4f} "
                f"acc {running_corrects / seen:.4f}"
            )
    print(f"took {time.time() - since:.0f}s")


model = Opinion()
optimizer = optim.Adam(model.parameters(), lr=5e-3)
exp_lr_scheduler = lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.3)
train_model(model, nn.CrossEntropyLoss(), optimizer, exp_lr_scheduler)
