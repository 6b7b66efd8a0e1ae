"""What ``pip install backsight`` adds to an environment that has torch: packages and megabytes.

python -m benchmarks.speed.install
python -m benchmarks.speed.install --extras notebook wandb

It counts what is installed here: the packages that Backsight's own metadata ask for, and those that
they ask for, without torch and what torch asks for. Extras are counted where they are installed.
"""

import re
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

from benchmarks._shared.harness import option_parser, publish

METHOD = (
    "Sizes of the files that each distribution has installed, bytecode included. Backsight itself "
    "is not counted."
)


def asked_for(name: str, extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """What a distribution requires in this environment."""
    environments = [{"extra": extra} for extra in ("", *extras)]
    for line in distribution(name).requires or ():
        wanted = Requirement(line)
        if wanted.marker is None or any(wanted.marker.evaluate(one) for one in environments):
            yield wanted


def closure(name: str, extras: Iterable[str] = ()) -> dict[str, Distribution | None]:
    """A distribution and all that it asks for, by name; None where one is not installed."""
    found: dict[str, Distribution | None] = {}
    waiting = [(name, tuple(extras))]
    seen = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        key = re.sub(r"[-_.]+", "-", one[0]).lower()
        try:
            found[key] = distribution(one[0])
        except PackageNotFoundError:
            found[key] = None
            continue
        waiting += [(r.name, tuple(sorted(r.extras))) for r in asked_for(*one)]
    return found


def megabytes(one: Distribution) -> float:
    """What it takes on the disk."""
    paths = (one.locate_file(file) for file in one.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6  # type: ignore[attr-defined]


def main() -> None:
    """Print the table and write it."""
    parser = option_parser(__doc__)
    parser.add_argument("--extras", nargs="*", default=[], help="extras to count as well")
    extras = parser.parse_args().extras
    there = closure("torch").keys() | {"backsight"}
    wanted = {n: one for n, one in closure("backsight", extras).items() if n not in there}
    missing = sorted(name for name, one in wanted.items() if one is None)
    if missing:
        parser.error(f"not installed here: {', '.join(missing)}")
    sizes = {name: megabytes(one) for name, one in wanted.items() if one is not None}
    rows = [{"what": "all beside torch", "packages": len(sizes), "MB": sum(sizes.values())}]
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        rows.append({"what": name, "packages": 1, "MB": sizes[name]})
    publish("install", METHOD, rows)


if __name__ == "__main__":
    main()
