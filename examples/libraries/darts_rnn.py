"""darts: an LSTM that forecasts a sine, fitted and asked for 12 steps."""

import logging
import warnings

import numpy as np
from _digest import digest
from darts import TimeSeries
from darts.models import RNNModel

warnings.filterwarnings("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
ITERATIONS = [6]
LAYERS = 1

if __name__ == "__main__":
    series = TimeSeries.from_values(np.sin(np.arange(80) / 3).astype(np.float32))
    model = RNNModel(
        input_chunk_length=12, training_length=20, model="LSTM", hidden_dim=8, batch_size=32,
        n_epochs=3, random_state=0,
        pl_trainer_kwargs={"accelerator": "cpu", "enable_progress_bar": False,
                           "enable_model_summary": False, "logger": False},
    )  # fmt: skip
    model.fit(series)
    forecast = model.predict(12)
    print(forecast.values().ravel().tolist(), digest(model.model))
