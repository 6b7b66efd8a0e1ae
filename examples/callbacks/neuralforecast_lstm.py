"""NeuralForecast: an LSTM on two series, which takes the arguments of its trainer as its own."""

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast
from neuralforecast.models import LSTM

from backsight.integrations.lightning import BacksightCallback

ITERATIONS = [10]
LAYERS = 2

if __name__ == "__main__":
    steps = np.arange(60)
    days = pd.date_range("2024-01-01", periods=60)
    frame = pd.concat(
        pd.DataFrame({"unique_id": name, "ds": days, "y": np.sin(steps / k)})
        for name, k in (("a", 3), ("b", 5))
    )
    model = LSTM(
        h=6,
        input_size=12,
        encoder_hidden_size=8,
        max_steps=10,
        random_seed=0,
        accelerator="cpu",
        callbacks=[BacksightCallback()],
    )
    forecast = NeuralForecast([model], freq="D")
    forecast.fit(frame)
    print(forecast.predict()["LSTM"].tolist())
