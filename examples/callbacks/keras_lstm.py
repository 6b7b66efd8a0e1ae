"""Keras 3 on PyTorch: an LSTM by model.fit, with a validation after each epoch."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np

from backsight.integrations.keras import BacksightCallback

ITERATIONS = [24]
LAYERS = 1

if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(1).standard_normal((80, 12, 1)).astype("float32")
    y = (x[:, 0, 0] > 0).astype("int32")  # the sign of the first number
    model = keras.Sequential([keras.layers.LSTM(8), keras.layers.Dense(2)])
    model.compile(
        keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    history = model.fit(
        x, y, batch_size=8, epochs=3, validation_split=0.2, verbose=0,
        callbacks=[BacksightCallback()],
    )  # fmt: skip
    print(history.history["loss"], history.history["val_loss"])
