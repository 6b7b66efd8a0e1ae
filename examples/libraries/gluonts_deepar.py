"""GluonTS: DeepAR, an LSTM that gives a distribution, on two series."""

import logging
import warnings

warnings.filterwarnings("ignore")

import lightning.pytorch as pl
import numpy as np
import pandas as pd
from _digest import digest
from gluonts.dataset.common import ListDataset
from gluonts.torch import DeepAREstimator

logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
ITERATIONS = [10]
LAYERS = 2

if __name__ == "__main__":
    pl.seed_everything(0, verbose=False)
    np.random.seed(0)
    start = pd.Period("2024-01-01", freq="D")
    series = [{"start": start, "target": np.sin(np.arange(80) / k)} for k in (3, 5)]
    estimator = DeepAREstimator(
        freq="D", prediction_length=6, context_length=12, hidden_size=8, batch_size=8,
        num_batches_per_epoch=5,
        trainer_kwargs={"max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False,
                        "enable_model_summary": False, "logger": False},
    )  # fmt: skip
    dataset = ListDataset(series, freq="D")
    predictor = estimator.train(dataset)
    means = [forecast.mean.tolist() for forecast in predictor.predict(dataset, num_samples=5)]
    print(means, digest(predictor.prediction_net))
