"""``python -m tests.guided_mutations``: atheris makes up files, guided by the code that reads them.

    pip install atheris
    python -m tests.guided_mutations --runs 20000

It starts from the ``run.json`` and the store of a finished run and follows whatever reaches new
lines of the readers. Each file is read in the place of the original; anything but a value or a
``RunError`` ends the process with a traceback and an exit status other than 0.
"""

import argparse
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["backsight.signals", "backsight.diagnosis"]):
    from backsight.diagnosis import diagnose
    from backsight.errors import RunError
    from backsight.signals import Run

from tests.mutations import make_subjects

FILES = ("run.json", "signals.db")


def main() -> None:
    """Fuzz; the process ends here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    root = Path(tempfile.mkdtemp())
    (subject,) = make_subjects(root / "subjects", ("finished run",)).values()
    path, corpus = root / "run", root / "corpus"
    shutil.copytree(subject.path, path)
    originals = [(path / name).read_bytes() for name in FILES]
    corpus.mkdir()
    for number, content in enumerate(originals):
        (corpus / FILES[number]).write_bytes(bytes([number]) + content)

    def read(data: bytes) -> None:
        which = data[0] % len(FILES) if data else 0
        (path / FILES[which]).write_bytes(data[1:])
        try:
            run = Run(path)
            run.read(run.names)
            list(run.events())
            diagnose(run, rejudge=True)
        except RunError:
            pass
        finally:
            (path / FILES[which]).write_bytes(originals[which])

    flags = [f"-runs={options.runs}", f"-seed={options.seed}", "-max_len=200000", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
