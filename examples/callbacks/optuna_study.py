"""Optuna: three trials of an LSTM, the second with a learning rate that is far too high."""

import optuna
import torch
from torch import nn

import backsight
from backsight.integrations.optuna import prune_on_finding

ITERATIONS = [40, 40, 40]
LAYERS = 1


def objective(trial):
    """The last loss."""
    torch.manual_seed(0)
    rnn, head = nn.RNN(1, 8, batch_first=True), nn.Linear(8, 1)
    model = nn.ModuleDict({"rnn": rnn, "head": head})
    lr = trial.suggest_categorical("lr", [0.01, 0.03])
    optimizer = torch.optim.SGD(model.parameters(), lr)
    with backsight.watch(model, optimizer) as monitor:
        for epoch in range(4):
            for _ in range(10):
                x = torch.randn(16, 12, 1)
                loss = (head(rnn(x)[0][:, -1]) - x[:, 0]).square().mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
            trial.report(loss.item(), epoch)
            prune_on_finding(trial, monitor)
    return loss.item()


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=3)
    print([(trial.state.name, trial.value) for trial in study.trials])
