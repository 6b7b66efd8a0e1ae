"""Damages real folders in every way that can be thought of, and reads them by every reader.

::

    _subjects.py   real folders: runs, studies, maps, checkpoints
    _of_bytes.py   damages any file: bits, cuts, blocks, encodings
    _of_sql.py     damages a store by SQL: rows, values, types, schema
    _of_json.py    damages a file of JSON, or an event's: every field, every type
    _of_files.py   puts something else in a file's place, and gives folders odd names
    _readers.py    everything that reads such a folder
    _case.py       one damage, all readers, and what is to be thought of it

``tests/test_mutations.py`` plays a few cases of each in the suite, and many at length
(``long``). ``python -m tests.mutations`` plays thousands and prints a table.
"""

from tests.mutations._case import DAMAGES, Judgement, Outcome, judge
from tests.mutations._subjects import SUBJECTS, Subject, make_subjects

__all__ = ["DAMAGES", "SUBJECTS", "Judgement", "Outcome", "Subject", "judge", "make_subjects"]
