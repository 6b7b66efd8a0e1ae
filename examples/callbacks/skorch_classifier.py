"""skorch: an LSTM, searched over two learning rates by scikit-learn; each fit has its own run."""

import torch
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn

from backsight.integrations.skorch import BacksightCallback

ITERATIONS = [4, 4, 4, 4, 8]
LAYERS = 1


class Classifier(nn.Module):
    """An LSTM, and a linear layer on its last state."""

    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 8, batch_first=True)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(64, 12, 1)
    y = (x[:, 0, 0] > 0).long()  # the sign of the first number
    net = NeuralNetClassifier(
        Classifier, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=2,
        batch_size=16, train_split=None, verbose=0, callbacks=[BacksightCallback()],
    )  # fmt: skip
    search = GridSearchCV(net, {"lr": [0.01, 0.1]}, cv=2, scoring="accuracy")
    search.fit(x.numpy(), y.numpy())
    print(search.best_params_, search.best_estimator_.history[:, "train_loss"])
