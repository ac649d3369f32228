"""What the two tools of mutation testing have found, against the survivors that a page explains.

    python report.py PAGE             the score, and every survivor that the page does not explain
    python report.py --diffs PAGE     these survivors as the page would have them
    python report.py --again PAGE     the names of those that mutmut made, and of its mutants that ran out of time
    python report.py --names STEP     the names of a sample: every STEP-th mutant of the kernel that mutmut made
    python report.py --sample STEP PAGE    the score of this sample, and its survivors that the page does not explain

On the page (docs/mutation_testing.md) each heading `### package.module.function`, or `### package.module` for code
outside of functions, is followed by blocks of diffs, each line that is removed with the one that replaces it. One
kind of survivor has a number only: changes of the argument `strict` of `zip`. Exit code 1 where a survivor is not
explained, or an explanation has no survivor.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

from compact_proofs.single_file import single_file

MUTANTS = Path("mutants")  # of mutmut
OUTSIDE = Path("outside.sqlite")  # of Cosmic Ray
# What mutmut makes of the exit code of the tests; all other codes say that a test failed.
OUTCOMES = {None: "untested", 0: "survived", 33: "survived", -24: "timed out", 24: "timed out", 36: "timed out"}
OUTCOMES |= {152: "timed out", 255: "timed out"}

# mutmut makes it None, leaves it out, or turns it around.
STRICT = re.compile(r", strict=(True|False|None)|, (?=\))")

# A function, or a module; the lines removed, and the lines added.
Change = tuple[str, tuple[str, ...], tuple[str, ...]]


def outcomes() -> dict[str, str]:
    """How the tests of each of mutmut's mutants ended."""
    codes: dict[str, int | None] = {}
    for path in sorted(MUTANTS.rglob("*.meta")):
        codes |= json.loads(path.read_text())["exit_code_by_key"]
    return {mutant: OUTCOMES.get(code, "killed") for mutant, code in codes.items()}


def sample(step: int) -> list[str]:
    """Every `step`-th mutant of the kernel's functions, in the order of their names and numbers."""

    def place(mutant: str) -> tuple[str, int]:
        name, _, number = mutant.rpartition("_")
        return name, int(number)

    return sorted((mutant for mutant in outcomes() if mutant.startswith("checker.")), key=place)[::step]


def function_of(mutant: str) -> str:
    """`checker.numbers.matrices.xǁMatricesǁsum__mutmut_3` is a mutant of `checker.numbers.matrices.Matrices.sum`."""
    module, _, name = mutant.rpartition(".")
    name = name.split("__mutmut_")[0]
    return f"{module}.{name[2:] if name.startswith('x_') else name[1:].strip('ǁ').replace('ǁ', '.')}"


def changed_lines(diff: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines that a diff removes, and those that it adds, without their indentation."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    removed, added = (tuple(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")
    return removed, added


def change_of(mutant: str) -> Change:
    shown = subprocess.run(["mutmut", "show", mutant], capture_output=True, text=True, check=True).stdout
    return function_of(mutant), *changed_lines(shown)


def outside_functions() -> list[tuple[str, Change]]:
    """How the tests of each of Cosmic Ray's mutants ended, and what it changes."""
    if not OUTSIDE.exists():
        return []
    from cosmic_ray.work_db import WorkDB, use_db
    from cosmic_ray.work_item import WorkerOutcome

    found = []
    with use_db(str(OUTSIDE), WorkDB.Mode.open) as database:
        for item, result in database.completed_work_items:
            if result.worker_outcome != WorkerOutcome.SKIPPED:
                place = ".".join(item.mutations[0].module_path.with_suffix("").parts)
                outcome = "survived" if result.is_killed is False else "killed"
                found.append((outcome, (place, *changed_lines(result.diff or ""))))
        untested = ("untested", ("", (), ()))
        return found + [untested] * len(database.pending_work_items)


def changes_strictness(change: Change) -> bool:
    """Whether nothing but an argument `strict` differs."""
    removed, added = (STRICT.sub("", "\n".join(lines)) for lines in change[1:])
    return removed == added


def explained(page: str) -> set[Change]:
    """The changes that the page explains."""
    changes: set[Change] = set()
    for section in re.split("^### ", page, flags=re.MULTILINE)[1:]:
        place = section.split("\n", 1)[0].strip()
        for block in re.findall("```diff\n(.*?)```", section, flags=re.DOTALL):
            for pair in re.findall("(?:^-.*\n)+(?:^\\+.*\n)*", block, flags=re.MULTILINE):
                changes.add((place, *changed_lines(pair)))
    return changes


def described(counts: Counter[str]) -> str:
    kinds = ("killed", "timed out", "survived", "untested")
    return f"{counts.total()} mutants: " + ", ".join(f"{counts[kind]} {kind}" for kind in kinds)


def main(arguments: list[str]) -> int:
    if arguments[0] == "--names":
        print("\n".join(sample(int(arguments[1]))))
        return 0
    *options, page = arguments
    inside, outside = outcomes(), outside_functions()
    if "--sample" in options:
        inside, outside = {mutant: inside[mutant] for mutant in sample(int(options[1]))}, []
    survivors = [mutant for mutant, outcome in inside.items() if outcome == "survived"]
    with ThreadPoolExecutor() as pool:
        changes = dict(zip(survivors, pool.map(change_of, survivors), strict=True))
    known = explained(Path(page).read_text(encoding="utf-8")) if Path(page).exists() else set()
    strict = {mutant for mutant, change in changes.items() if changes_strictness(change)}
    unexplained = {m: change for m, change in changes.items() if m not in strict and change not in known}
    alive = {change for outcome, change in outside if outcome == "survived"}
    if "--again" in options:
        print("\n".join([*unexplained, *(mutant for mutant, outcome in inside.items() if outcome == "timed out")]))
        return 0
    open_questions = [*unexplained.items(), *((change[0], change) for change in sorted(alive - known))]
    for mutant, (place, removed, added) in open_questions:
        title = f"### {place}" if "--diffs" in options else f"survived: {mutant}"
        print(title, *(f"-{line}" for line in removed), *(f"+{line}" for line in added), sep="\n")
    if "--diffs" in options:
        return 0
    counts = Counter(inside.values()), Counter(outcome for outcome, _ in outside)
    for package in dict.fromkeys(mutant.partition(".")[0] for mutant in inside):
        part = {mutant: outcome for mutant, outcome in inside.items() if mutant.startswith(f"{package}.")}
        in_strict = sum(mutant in strict for mutant in part)
        print(f"{package}, in functions, {described(Counter(part.values()))}, {in_strict} of them in `strict`")
    print(f"the kernel's checker.pyz: sha256 {sha256(single_file(Path('checker'))).hexdigest()}")
    if "--sample" in options:
        print(f"{len(known & set(changes.values()))} explained, {len(open_questions)} unexplained")
        return int(bool(open_questions or counts[0]["untested"]))
    print(f"outside of functions, {described(counts[1])}")
    print(f"{len(known)} explained, {len(open_questions)} unexplained")
    stale = known - set(changes.values()) - alive
    unfinished = bool(counts[0]["untested"] or counts[1]["untested"])
    if stale and not unfinished:
        print("explained, but killed:", *sorted(stale), sep="\n")
    return int(bool(open_questions or stale or unfinished))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
