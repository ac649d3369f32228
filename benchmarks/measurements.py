"""What is measured, and the table of it.

`check` is a whole process of the checker: start, parsing, verdict. `brute` evaluates every input
through the three tables of the model, `forward` every input through its weights in batches; both in
float32, with NumPy, counting what they find correct. Neither is possible beyond a few positions.
Ratios are to the check. No time is asserted: machines differ, ratios less so.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

from inputs import brute_force, forward_pass, load

from compact_proofs.commands import export, prove
from compact_proofs.isolated import check_isolated
from compact_proofs.shipped import shipped_models
from compact_proofs.terminal import print_table, progress_bar

Result = TypeVar("Result")

STRATEGY = "exact"
# More inputs than this are not tried one by one.
MAX_INPUTS = 2**24
# A measurement is not repeated once it has taken this long in all.
MAX_SECONDS = 60.0


def timed(action: Callable[[], Result], repeats: int) -> tuple[Result, float]:
    """The result of `action`, and the median time in seconds of up to `repeats` runs."""
    times: list[float] = []
    while len(times) < repeats and sum(times) < MAX_SECONDS:
        start = time.perf_counter()
        result = action()
        times.append(time.perf_counter() - start)
    return result, median(times)


def measure(weights: Path, directory: Path, repeats: int) -> list[str]:
    """The row of one model."""
    model, certificate = directory / "model", directory / "certificate"
    _, export_seconds = timed(lambda: export(weights, model), repeats)
    _, prove_seconds = timed(lambda: prove(model, STRATEGY, certificate), repeats)
    (verdict, _), check_seconds = timed(lambda: check_isolated(model, certificate), repeats)
    if verdict.verdict != "accepted":
        raise SystemExit(f"{weights.stem}: {verdict.verdict}: {verdict.reason}")
    row = [
        weights.stem,
        f"{verdict.total:.3g}",
        f"{verdict.correct_at_least / verdict.total:.6f}",
        f"{export_seconds:.3f}",
        f"{prove_seconds:.2f}",
        f"{check_seconds:.2f}",
    ]
    for without_proof in (brute_force, forward_pass):
        if verdict.total > MAX_INPUTS:
            row += ["-", "-", "-"]
            continue
        correct, took = timed(partial(without_proof, load(weights)), repeats)
        row += [f"{correct / verdict.total:.6f}", f"{took:.2f}", f"{took / check_seconds:.1f}"]
    return row


def main() -> None:
    """Measure the models named on the command line, or all."""
    shipped = shipped_models()
    parser = argparse.ArgumentParser(description="Measure times on one core, per shipped model.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(shipped))
    parser.add_argument("--repeats", type=int, default=3, help="runs of each (default: 3)")
    options = parser.parse_args()
    unknown = set(options.models) - set(shipped)
    if unknown or options.repeats < 1:
        parser.error(f"unknown models: {', '.join(unknown)}" if unknown else "--repeats is below 1")
    names = options.models or list(shipped)
    rows = []
    with tempfile.TemporaryDirectory() as directory, progress_bar(len(names)) as bar:
        for name in names:
            bar.start(name)
            rows.append(measure(shipped[name], Path(directory), options.repeats))
    columns = ["model", "inputs", "proved", "export s", "prove s", "check s"]
    for name in ("brute", "forward"):
        columns += [f"{name} finds", f"{name} s", f"{name} / check"]
    print(f"medians of {options.repeats} runs on one core, strategy {STRATEGY}")
    print_table(columns, rows, words=("model",))
