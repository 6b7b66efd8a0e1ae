"""ignite: a supervised trainer of an LSTM, with an evaluator after each epoch."""

import torch
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from backsight.integrations.ignite import BacksightHandler

ITERATIONS = [12]
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
    loader = DataLoader(TensorDataset(x, (x[:, 0, 0] > 0).long()), 16)
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    trainer = create_supervised_trainer(model, optimizer, nn.functional.cross_entropy)
    BacksightHandler().attach(trainer, model, optimizer)
    evaluator = create_supervised_evaluator(model, {"accuracy": Accuracy()})
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda _: evaluator.run(loader))
    trainer.run(loader, max_epochs=3)
    print(trainer.state.output, evaluator.state.metrics)
