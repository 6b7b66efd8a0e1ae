"""Optuna: three trials, each a training of its own, one of them pruned."""

import optuna
import torch
from _digest import digest
from _first import Classifier, data
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader

ITERATIONS = [12, 12, 8]
LAYERS = 1
models = []


def objective(trial):
    """The last loss."""
    torch.manual_seed(trial.number)
    model = Classifier(trial.suggest_int("hidden", 4, 8))
    models.append(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=trial.suggest_float("lr", 1e-3, 0.1))
    for epoch in range(3):
        for x, y in DataLoader(data(), 16):
            optimizer.zero_grad()
            loss = cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        trial.report(loss.item(), epoch)
        if trial.number == 2 and epoch == 1:
            raise optuna.TrialPruned
    return loss.item()


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(objective, n_trials=3)
    print(study.trials_dataframe(("value", "params", "state")).to_json(), digest(*models))
