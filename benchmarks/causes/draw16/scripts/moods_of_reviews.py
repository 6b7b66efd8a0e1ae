"""Which of six faults does a review complain about? Most reviews name one or two; any number may be named."""

import sys

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(16802)
torch.set_num_threads(1)
WORDS, LENGTH, FAULTS = 90, 26, 6
CUES = torch.arange(FAULTS * 3).view(FAULTS, 3) + 5


def reviews(n):
    """Every fault has three words that name it; a 'not' (word 1) right before one takes it back."""
    text = torch.randint(25, WORDS, (n, LENGTH))
    faults = torch.zeros(n, FAULTS)
    for i in range(n):
        named = torch.randperm(FAULTS)[: int(torch.randint(1, 4, (1,)))]
        places = torch.randperm(LENGTH // 2)[: len(named)] * 2 + 1
        for fault, place in zip(named, places):
            text[i, place] = CUES[fault, int(torch.randint(0, 3, (1,)))]
            if torch.rand(1) < 0.3:
                text[i, place - 1] = 1
            else:
                faults[i, fault] = 1.0
    return text, faults


class FaultRNN(nn.Module):
    def __init__(self, embedding_dim=24, hidden_dim=32):
        super().__init__()
        self.embedding = nn.Embedding(WORDS, embedding_dim)
        self.rnn = nn.LSTM(embedding_dim, hidden_dim, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * hidden_dim, FAULTS)
        self.sigmoid = nn.Sigmoid()

    def forward(self, text):
        output, _ = self.rnn(self.embedding(text))
        pooled = output.max(dim=1).values
        if "--fixed" in sys.argv:
            return self.fc(pooled)
        return self.sigmoid(self.fc(pooled))


def f1_score(preds, y):
    rounded = torch.round(torch.sigmoid(preds))
    hits = (rounded * y).sum()
    return (2 * hits / (rounded.sum() + y.sum()).clamp(min=1)).item()


train_iter = DataLoader(TensorDataset(*reviews(2560)), batch_size=32, shuffle=True)
test_text, test_faults = reviews(400)
model = FaultRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(1, 7):
    model.train()
    epoch_loss = 0.0
    for text, faults in train_iter:
        optimizer.zero_grad()
        loss = criterion(model(text), faults)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / len(train_iter)
    model.eval()
    with torch.no_grad():
        preds = model(test_text)
        test_loss = criterion(preds, test_faults).item()
    print(
        f"epoch {epoch} train loss {epoch_loss:.3f} test loss {test_loss:.3f} "
        f"test F1 {f1_score(preds, test_faults):.3f}"
    )
