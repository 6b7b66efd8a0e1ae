"""What can be chosen, by name; apart from the code so that ``--help`` needs no torch."""

from typing import Literal

__all__ = ["Cell", "Init"]

Cell = Literal["rnn", "rnn-relu", "gru", "lstm", "rnn-norm"]
Init = Literal["default", "orthogonal", "identity", "gaussian", "smart-tanh", "chrono"]
