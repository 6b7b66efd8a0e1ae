"""NeuralForecast: an LSTM and a GRU on two series."""

import logging
import os
import warnings

os.environ["NIXTLA_ID_AS_COL"] = "1"
warnings.filterwarnings("ignore")

import numpy as np
import pandas as pd
from _digest import digest
from neuralforecast import NeuralForecast
from neuralforecast.models import GRU, LSTM

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
ITERATIONS = [10, 10]
LAYERS = 2

if __name__ == "__main__":
    steps = np.arange(60)
    frame = pd.concat(
        pd.DataFrame(
            {
                "unique_id": name,
                "ds": pd.date_range("2024-01-01", periods=60),
                "y": np.sin(steps / k),
            }
        )
        for name, k in (("a", 3), ("b", 5))
    )
    options = {
        "h": 6, "input_size": 12, "encoder_hidden_size": 8, "max_steps": 10, "random_seed": 0,
        "accelerator": "cpu", "enable_progress_bar": False, "logger": False,
        "enable_model_summary": False, "enable_checkpointing": False,
    }  # fmt: skip
    forecast = NeuralForecast([LSTM(**options), GRU(**options)], freq="D")
    forecast.fit(frame)
    print(forecast.predict().drop(columns="ds").to_json(), digest(*forecast.models))
