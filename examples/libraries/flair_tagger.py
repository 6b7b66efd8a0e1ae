"""flair: a sequence tagger with a biLSTM over embeddings that are learned from three sentences."""

import logging
import tempfile

import flair
from _digest import digest
from flair.data import Corpus, Sentence
from flair.datasets import FlairDatapointDataset
from flair.embeddings import OneHotEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer

flair.logger.setLevel(logging.ERROR)
ITERATIONS = [12]
LAYERS = 2


def sentences():
    """Twelve, with their nouns named."""
    found = []
    for words in ("the cat sat on a mat", "a dog ran to the park", "the bird saw a worm") * 4:
        sentence = Sentence(words.split())
        for token in sentence:
            token.add_label("kind", "noun" if token.idx in (2, 6) else "other")
        found.append(sentence)
    return FlairDatapointDataset(found)


if __name__ == "__main__":
    flair.set_seed(0)
    corpus = Corpus(train=sentences(), dev=sentences(), test=sentences(), name="nouns")
    embeddings = OneHotEmbeddings.from_corpus(corpus, embedding_length=8)
    tagger = SequenceTagger(
        embeddings, corpus.make_label_dictionary("kind", add_unk=False), "kind", hidden_size=8,
        use_crf=True,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        result = ModelTrainer(tagger, corpus).train(
            folder, max_epochs=2, mini_batch_size=2, learning_rate=0.1
        )
    print(result["test_score"], digest(tagger))
