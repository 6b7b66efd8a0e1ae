"""Sequences to learn from: text, as plain NumPy arrays. Never imports torch."""

from backsight.tasks._ngrams import bigram_loss, unigram_loss
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
    "UNKNOWN",
    "Corpus",
    "Split",
    "Streams",
    "Vocabulary",
    "bigram_loss",
    "read_corpus",
    "split_text",
    "unigram_loss",
    "windows",
]
