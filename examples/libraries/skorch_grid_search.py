"""skorch in scikit-learn's GridSearchCV: two settings, two folds, and the best on all data."""

import torch
from _digest import digest
from _first import Classifier, data
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from skorch.callbacks import GradientNormClipping

ITERATIONS = [4, 4, 4, 4, 8]
LAYERS = 1

if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = data().tensors
    net = NeuralNetClassifier(
        Classifier, criterion=torch.nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=2,
        batch_size=16, train_split=None, verbose=0, callbacks=[GradientNormClipping(0.5)],
    )  # fmt: skip
    search = GridSearchCV(net, {"lr": [0.01, 0.1]}, cv=2, scoring="accuracy")
    search.fit(x.numpy(), y.numpy())
    best = search.best_estimator_
    print(search.best_params_, best.history[:, "train_loss"], digest(best.module_))
