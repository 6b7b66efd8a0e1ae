"""Short and long reviews share batches. What was classified is the hidden state at the end of
the batch, many fillers after the last word of most of them."""

import sys

import torch
import torch.nn as nn

FIXED = "--fixed" in sys.argv
torch.manual_seed(428)
torch.set_num_threads(1)
PAD, VOCAB = 1, 60


def iterator(n, batch_size=32):
    for _ in range(n):
        lengths = torch.randint(4, 9, (batch_size,))
        lengths[0] = 70
        text = torch.full((70, batch_size), PAD)
        label = torch.randint(0, 2, (batch_size,))
        for b, length in enumerate(lengths.tolist()):
            words = torch.randint(22, VOCAB, (length,))
            words[torch.randint(0, min(length, 8), (1,))] = (
                2 + 10 * label[b] + torch.randint(0, 10, (1,))
            )
            text[:length, b] = words
        yield text, lengths, label.float()


class SentimentRNN(nn.Module):
    def __init__(self, embedding_dim=24, hidden_dim=32):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, embedding_dim, padding_idx=PAD)
        self.rnn = nn.RNN(embedding_dim, hidden_dim)
        self.fc = nn.Linear(hidden_dim, 1)
        self.dropout = nn.Dropout(0.2)

    def forward(self, text, text_lengths):
        embedded = self.dropout(self.embedding(text))
        if FIXED:
            embedded = nn.utils.rnn.pack_padded_sequence(
                embedded, text_lengths, enforce_sorted=False
            )
        _, hidden = self.rnn(embedded)
        return self.fc(self.dropout(hidden[-1])).squeeze(1)


def binary_accuracy(preds, y):
    return ((preds > 0) == y.bool()).float().mean().item()


model = SentimentRNN()
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
criterion = nn.BCEWithLogitsLoss()
for epoch in range(5):
    epoch_loss = epoch_acc = 0.0
    model.train()
    for text, text_lengths, label in iterator(60):
        optimizer.zero_grad()
        predictions = model(text, text_lengths)
        loss = criterion(predictions, label)
        loss.backward()
        optimizer.step()
        epoch_loss += loss.item() / 60
        epoch_acc += binary_accuracy(predictions, label) / 60
    print(
        f"Epoch: {epoch + 1:02} | Train Loss: {epoch_loss:.3f} | Train Acc: {epoch_acc * 100:.2f}%"
    )
