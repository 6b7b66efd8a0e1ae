"""The collection beside other tools: does any of them name the cause?

    python -m benchmarks.causes.peers                         # those that are installed
    python -m benchmarks.causes.peers --only clip_tiny --words words.json
    pip install gradsnitch losslint runmedic torchmortem trainscope traintools

A broken run is ``first`` where the first finding of a warning or an error names the cause,
``named`` where any other finding does, ``wrong`` where that first finding names other causes only,
``symptom`` where it names none, ``silent`` where there is no warning, and ``failed`` where the tool
raised, took too long or broke the script.
"""

import json
import os
import tempfile
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks._shared.harness import option_parser, publish, worker_pool
from benchmarks.causes._peer_launch import Watched, run_watched
from benchmarks.causes._peer_names import NAMED_BY_BACKSIGHT, PEER_NAMES
from benchmarks.causes._peer_tools import READERS, WATCHERS, Said, read_log
from benchmarks.causes.causes import FOLDER, LIMIT, findings_of

BACKSIGHT = "backsight"
VERDICTS = ("first", "named", "wrong", "symptom", "silent", "failed")
METHOD = (
    "Each script unchanged, once with each tool, which is fed as its README asks ({counts}). What "
    "a finding names is read generously: any wording, among several guesses, of either sign. "
    "'first' to 'failed': broken scripts, by their verdict. 'accused': runs with a warning or an "
    "error. 'crashed': fixed and healthy runs on which the tool failed."
)
TOOLS = (BACKSIGHT, *sorted((*WATCHERS, *READERS)))
NAMES = {**PEER_NAMES, BACKSIGHT: NAMED_BY_BACKSIGHT}


def watched(tools: Sequence[str], script: Path, arguments: Sequence[str]) -> dict[str, Watched]:
    """What each tool makes of one script."""
    results: dict[str, Watched] = {}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        plain = run_watched(None, script, arguments, folder / "plain", LIMIT)
        for tool in tools:
            if tool == BACKSIGHT:
                results[tool] = _by_backsight(script, arguments)
            elif tool in READERS:
                results[tool] = _by_reader(tool, plain, folder / "plain")
            else:
                results[tool] = run_watched(tool, script, arguments, folder / tool, LIMIT)
                if results[tool].ended != plain.ended:
                    results[tool].failed = f"the script ended with {results[tool].ended}"
    return results


def _by_backsight(script: Path, arguments: Sequence[str]) -> Watched:
    findings = findings_of(script, *arguments)
    if findings is None:
        return Watched(failed="no diagnosis")
    return Watched([Said(f["code"], f["severity"], f["message"]) for f in findings])


def _by_reader(tool: str, plain: Watched, folder: Path) -> Watched:
    if not plain.iterations:
        return Watched()  # without an optimizer nothing is logged
    try:
        return Watched(read_log(tool, folder))
    except (ValueError, KeyError) as error:
        return Watched(failed=str(error))


def loud(said: Sequence[Said]) -> list[Said]:
    """Warnings and errors."""
    return [one for one in said if one.severity in ("warning", "error")]


def verdict(kind: str, run: Watched, names: Mapping[str, frozenset[str]]) -> str:
    """One of ``VERDICTS``; a code without an entry in ``names`` names nothing."""
    if run.failed:
        return "failed"
    named = [one for one in run.said if kind in names.get(one.code, ())]
    heard = loud(run.said)
    if heard and heard[0] in named:
        return "first"
    if named:
        return "named"
    if not heard:
        return "silent"
    return "wrong" if names.get(heard[0].code) else "symptom"


def installed(wanted: Sequence[str]) -> dict[str, str]:
    """Versions of those that are here."""
    versions: dict[str, str] = {}
    for tool in wanted:
        try:
            versions[tool] = metadata.version(tool)
        except metadata.PackageNotFoundError:
            print(f"{tool} is not installed and is passed over", flush=True)
    return versions


def main() -> None:
    """Run them and publish the table."""
    parser = option_parser(__doc__)
    parser.add_argument("--half", choices=("tuning", "held-out", "all"), default="tuning")
    parser.add_argument("--only", nargs="+", help="names of scripts; nothing is published")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=TOOLS)
    parser.add_argument("--words", type=Path, help="write all that was said to this file")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    versions = installed(options.tools)
    if list(versions) == [BACKSIGHT] and len(options.tools) > 1:
        print("there is no tool to compare with; --help says how to install them")
        return
    pairs = tomllib.loads((FOLDER / "pairs.toml").read_text(encoding="utf-8"))
    halves = {"tuning": (False,), "held-out": (True,), "all": (False, True)}[options.half]
    kinds = {
        name: pair["kind"]
        for name, pair in pairs.items()
        if (name in options.only if options.only else pair["held_out"] in halves)
    }
    healthy = [
        path
        for path in sorted((FOLDER / "healthy").glob("*.py"))
        if not options.only or path.stem in options.only
    ]
    scripts = {name: FOLDER / "scripts" / f"{name}.py" for name in kinds}
    tasks: dict[tuple[str, str], tuple[Path, list[str]]] = {
        **{("broken", name): (path, []) for name, path in scripts.items()},
        **{("healthy", path.stem): (path, []) for path in healthy},
        **{("fixed", name): (path, ["--fixed"]) for name, path in scripts.items()},
    }
    counts = {tool: Counter[str]() for tool in versions}
    words: list[dict[str, Any]] = []
    with worker_pool(2) as pool:
        futures = {pool.submit(watched, list(versions), *task): key for key, task in tasks.items()}
        for future in as_completed(futures):
            group, name = futures[future]
            for tool, run in future.result().items():
                if group == "broken":
                    outcome = verdict(kinds[name], run, NAMES[tool])
                else:
                    accused = f"{group} accused" if loud(run.said) else "cleared"
                    outcome = "crashed" if run.failed else accused
                counts[tool][outcome] += 1
                codes = " | ".join(one.code for one in loud(run.said))
                print(f"{group} {name}, {tool}: {outcome}: {run.failed or codes}", flush=True)
                for error in run.logged:
                    print(f"  it logged {error}", flush=True)
                row = {"group": group, "name": name, "tool": tool, "outcome": outcome}
                words.append({**row, **asdict(run)})
            if options.words:
                options.words.write_text(json.dumps(words, indent=1) + "\n", encoding="utf-8")
    columns = (*VERDICTS, "fixed accused", "healthy accused", "crashed")
    rows = [
        {"what": f"{tool} {version}", **{column: counts[tool][column] for column in columns}}
        for tool, version in versions.items()
    ]
    if tasks and not options.only:
        numbers = f"{len(kinds)} broken and fixed, {len(healthy)} healthy"
        publish(f"causes-peers-{options.half}", METHOD.format(counts=numbers), rows)


if __name__ == "__main__":
    main()
