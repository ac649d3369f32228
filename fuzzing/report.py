"""What a run of the fuzzer has found, as an object and as a table.

`python -m fuzzing.report RUN.json` prints the page about a recorded run, in Markdown.
"""

import argparse
import json
import platform
import sys
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import checker
from compact_proofs.single_file import single_file
from fuzzing.campaign import SOURCES, Totals
from fuzzing.mutations import DESCRIPTIONS, MUTATIONS
from fuzzing.processes import Run

LIBRARIES = ("numpy", "python-flint", "hypothesis")
# What happened to the mutants of a mutation, by the columns of the table.
OUTCOMES = {
    "declined": "declined",
    "rejected": "rejected",
    "accepted": "accepted and true",
    "unsound": "unsound",
}
OTHER_FAILURES = ("raised", "slow", "inconsistent")
COLUMNS = ("mutation", "tried", *OUTCOMES.values(), "other failures")


def kernel_sha256() -> str:
    """The hash of the kernel as a single file, all its sources."""
    return sha256(single_file(Path(next(iter(checker.__path__))))).hexdigest()


def as_object(run: Run, totals: Totals) -> dict[str, Any]:
    """The report as an object of JSON."""
    tried = {name: totals.mutations.get(name, Counter[str]()) for name in MUTATIONS}
    table = {}
    for name, counts in tried.items():
        ends = {outcome: counts.get(outcome, 0) for outcome in (*OUTCOMES, *OTHER_FAILURES)}
        table[name] = {"tried": sum(ends.values()), **ends, "did_not_apply": counts.get("idle", 0)}
    every = [*totals.mutations.values(), *totals.sources.values()]
    return {
        "seed": run.seed,
        "jobs": run.jobs,
        "models": totals.models,
        "mutants": totals.mutants,
        "unsound_acceptances": sum(counts["unsound"] for counts in every),
        "failures": totals.failures,
        "undecided_by_the_oracle": totals.undecided,
        "seconds": round(totals.seconds, 1),
        "processor_seconds": round(totals.processor_seconds, 1),
        "mutants_per_processor_second": round(totals.mutants / max(totals.processor_seconds, 0.001), 1),
        "certificates": {name: dict(totals.sources.get(name, {})) for name in dict.fromkeys(SOURCES)},
        "mutations": table,
        "kernel_sha256": kernel_sha256(),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
    }


def rows(report: Mapping[str, Any]) -> list[list[str]]:
    """The table of mutations, with a last row of sums."""
    numbers = {
        name: [counts["tried"], *(counts[end] for end in OUTCOMES), sum(counts[end] for end in OTHER_FAILURES)]
        for name, counts in report["mutations"].items()
    }
    sums = [sum(column) for column in zip(*numbers.values(), strict=True)]
    return [[name, *(f"{k:,}" for k in row)] for name, row in (*numbers.items(), ("all", sums))]


def summary(report: Mapping[str, Any]) -> str:
    """The run in a few lines."""
    lines = [
        f"{report['mutants']:,} mutants of certificates about {report['models']:,} models, in {report['seconds']:,} s "
        f"({report['jobs']} processes, {report['mutants_per_processor_second']:,} a second and processor), "
        f"seed {report['seed']}",
        f"unsound acceptances: {report['unsound_acceptances']}",
        f"failures: {len(report['failures'])}",
    ]
    if report["undecided_by_the_oracle"]:
        lines.append(f"comparisons too close for the oracle: {report['undecided_by_the_oracle']}")
    for failure in report["failures"]:
        where = f" ({failure['folder']})" if failure["folder"] else ""
        # Of a traceback, the error at its end.
        lines.append(f"  {failure['kind']}: {failure['message'].strip().splitlines()[-1]}{where}")
    return "\n".join(lines)


def mutations_table() -> list[str]:
    """All mutations and what they do, in Markdown."""
    described = [f"| {name} | {description} |" for name, description in DESCRIPTIONS.items()]
    return ["| mutation | what it does |", "|---|---|", *described]


def page(report: Mapping[str, Any]) -> str:
    """The page about a recorded run, in Markdown."""
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    lines = [
        "# A recorded run of the fuzzer",
        "",
        "Printed by `python -m fuzzing.report`, from what `compact-proofs fuzz --json` printed.",
        "",
        *(f"* {line}" for line in summary(report).split("\n")),
        f"* the kernel whose `checker.pyz` has the SHA-256 `{report['kernel_sha256']}`",
        f"* {versions}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|---|{'---:|' * (len(COLUMNS) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows(report)),
        "",
        "Certificates before any mutation:",
        "",
        "| from | accepted and true | rejected | declined | none |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, counts in report["certificates"].items():
        ends = (counts.get(end, 0) for end in ("accepted", "rejected", "declined", "none"))
        lines.append(f"| {name} | {' | '.join(f'{k:,}' for k in ends)} |")
    return "\n".join([*lines, ""])


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the page about a recorded run, or a table of all mutations.")
    parser.add_argument("run", nargs="?", help="what `compact-proofs fuzz --json` printed")
    options = parser.parse_args()
    if options.run is None:
        print("\n".join(mutations_table()))
    else:
        print(page(json.loads(Path(options.run).read_text(encoding="utf-8"))), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
