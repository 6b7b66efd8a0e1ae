"""Callbacks for other people's trainers, each tested where its library is installed."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")  # read when keras is imported
