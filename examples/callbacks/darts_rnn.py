"""darts: an LSTM that forecasts a sine."""

import numpy as np
from darts import TimeSeries
from darts.models import RNNModel

from backsight.integrations.lightning import BacksightCallback

ITERATIONS = [6]
LAYERS = 1

if __name__ == "__main__":
    series = TimeSeries.from_values(np.sin(np.arange(80) / 3).astype(np.float32))
    model = RNNModel(
        input_chunk_length=12,
        training_length=20,
        model="LSTM",
        hidden_dim=8,
        n_epochs=3,
        random_state=0,
        pl_trainer_kwargs={"accelerator": "cpu", "callbacks": [BacksightCallback()]},
    )
    model.fit(series)
    print(model.predict(12).values().ravel().tolist())
