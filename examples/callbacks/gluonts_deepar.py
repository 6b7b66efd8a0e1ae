"""GluonTS: DeepAR, an LSTM of two layers that gives a distribution, on two series."""

import lightning.pytorch as pl
import numpy as np
import pandas as pd
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator

from backsight.integrations.lightning import BacksightCallback

ITERATIONS = [10]
LAYERS = 2

if __name__ == "__main__":
    pl.seed_everything(0, verbose=False)
    start = pd.Period("2024-01-01", freq="D")
    series = [{"start": start, "target": np.sin(np.arange(80) / k)} for k in (3, 5)]
    dataset = ListDataset(series, freq="D")
    estimator = DeepAREstimator(
        freq="D",
        prediction_length=6,
        context_length=12,
        hidden_size=8,
        batch_size=8,
        num_batches_per_epoch=5,
        trainer_kwargs={
            "max_epochs": 2,
            "accelerator": "cpu",
            "callbacks": [BacksightCallback()],
        },
    )
    predictor = estimator.train(dataset)
    print([forecast.mean.tolist() for forecast in predictor.predict(dataset, num_samples=5)])
