"""torchmetrics: metrics, which are modules, called between forward and backward."""

import torch
from _digest import digest
from _first import Classifier, data
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

ITERATIONS = [12]
LAYERS = 1

if __name__ == "__main__":
    torch.manual_seed(0)
    model, mean = Classifier(), MeanMetric()
    metrics = MetricCollection([MulticlassAccuracy(2), MulticlassF1Score(2)])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        for x, y in DataLoader(data(), 16):
            optimizer.zero_grad()
            scores = model(x)
            loss = cross_entropy(scores, y)
            metrics(scores, y)
            loss.backward()
            mean(loss)
            optimizer.step()
        print(mean.compute().item(), {k: v.item() for k, v in metrics.compute().items()})
        metrics.reset()
    print(digest(model))
