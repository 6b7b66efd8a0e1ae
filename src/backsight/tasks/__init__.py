"""Sequences to learn from, as plain NumPy arrays: text, and tasks that need memory. No torch."""

from backsight.tasks._adding import Adding
from backsight.tasks._copying import Copying
from backsight.tasks._criterion import Criterion
from backsight.tasks._delayed_xor import DelayedXor
from backsight.tasks._echo import Echo
from backsight.tasks._first_symbol import FirstSymbol
from backsight.tasks._memorisation import Memorisation
from backsight.tasks._memory import NO_LOSS, Batches, Kind, MemoryTask
from backsight.tasks._mixture import Mixture
from backsight.tasks._multiplication import Multiplication
from backsight.tasks._ngrams import bigram_loss, unigram_loss
from backsight.tasks._permutation import RandomPermutation
from backsight.tasks._temporal_order import Form, TemporalOrder, ThreeBitOrder
from backsight.tasks._text import (
    UNKNOWN,
    Corpus,
    Split,
    Streams,
    Vocabulary,
    read_corpus,
    split_text,
    windows,
)

__all__ = [
    "NO_LOSS",
    "UNKNOWN",
    "Adding",
    "Batches",
    "Copying",
    "Corpus",
    "Criterion",
    "DelayedXor",
    "Echo",
    "FirstSymbol",
    "Form",
    "Kind",
    "Memorisation",
    "MemoryTask",
    "Mixture",
    "Multiplication",
    "RandomPermutation",
    "Split",
    "Streams",
    "TemporalOrder",
    "ThreeBitOrder",
    "Vocabulary",
    "bigram_loss",
    "read_corpus",
    "split_text",
    "unigram_loss",
    "windows",
]
