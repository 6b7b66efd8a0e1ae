"""Keras 3 on PyTorch: an LSTM that Keras unrolls itself, with clipping and a validation."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
from _first import data

ITERATIONS = [12]
LAYERS = 1

if __name__ == "__main__":
    keras.utils.set_random_seed(0)
    x, y = (tensor.numpy() for tensor in data().tensors)
    model = keras.Sequential([keras.layers.LSTM(8), keras.layers.Dense(2)])
    model.compile(
        keras.optimizers.Adam(0.01, clipnorm=0.5),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    history = model.fit(x, y, batch_size=16, epochs=3, validation_split=0.0, verbose=0)
    from _digest import digest

    print(history.history["loss"], digest(model))
