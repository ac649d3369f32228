"""How the length of proofs grows with the number of tokens and of positions.

    python benchmarks/scaling.py FOLDER [TOKENSxPOSITIONS ...] [--strategy exact]

prints the tables of docs/scaling.md, for all sizes or those named, such as 64x4, and all strategies or one. Models that
are not in FOLDER are trained, each by the recipe in MODELS, and put there; needs `pip install '.[train]'`. So are
certificates, and what was measured of them, as one JSON file for each; nothing that is there is measured again.

Seconds are those of the processor, of a process of its own each; memory is the most that the process of the check had.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from benchmark import use_one_core

from certificates.costs import K, d, d_head, evaluate, formula, prepared, v, v_out
from checker.models.attention_only import parse_model
from compact_proofs.commands import export, train
from compact_proofs.isolated import checker_command
from compact_proofs.terminal import print_table, progress_bar, say
from model_export.floating_point import float_weights, sampled_accuracy

STRATEGIES = ("exact", "cubic", "sub-cubic")
SAMPLES = 100_000


@dataclass(frozen=True)
class Recipe:
    """What `compact-proofs train` is told."""

    vocabulary: int
    positions: int
    steps: int
    seed: int = 0
    width: int = 32

    def __str__(self) -> str:
        return f"max-of-{self.positions}-of-{self.vocabulary}-width-{self.width}-seed-{self.seed}-steps-{self.steps}"


MODELS = (
    Recipe(32, 4, 3000),
    Recipe(64, 4, 3000),
    Recipe(128, 4, 3000),
    Recipe(256, 4, 10000),
    Recipe(32, 5, 3000),
    Recipe(64, 5, 3000),
    Recipe(32, 10, 12000),
    Recipe(64, 10, 12000),
    Recipe(128, 10, 10000),
    Recipe(32, 20, 12000),
    Recipe(64, 20, 12000),
    Recipe(256, 20, 12000, seed=3),
)


@dataclass(frozen=True)
class Measured:
    """One certificate: `tables` of its operations come before any group."""

    tokens: int
    positions: int
    accuracy: float
    strategy: str
    certified: float
    operations: int
    tables: int
    brute_force: int
    prove_seconds: float
    check_seconds: float
    check_mebibytes: float

    @property
    def groups(self) -> int:
        return self.operations - self.tables


# A process begins with the memory of the one that starts it, which is therefore a small one.
START = """
import os, sys
_, status, usage = os.wait4(os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ), 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""
# Operations of which powers are fitted; the tables are what comes before any group.
COUNTS: dict[str, Callable[[Measured], int]] = {
    "operations": lambda row: row.operations,
    "tables": lambda row: row.tables,
    "groups": lambda row: row.groups,
}
# How those of the proofs of Gross et al. grow (arXiv 2406.11779).
PAPER = {"cubic": "v^3 K^2", "sub-cubic": "v^2 K^2 + v^2 d", "exact": "-"}


def main() -> None:
    """Measure the models named on the command line, or all."""
    parser = argparse.ArgumentParser(description="How the length of proofs grows.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("sizes", nargs="*", metavar="TOKENSxPOSITIONS")
    parser.add_argument("--strategy", choices=STRATEGIES, help="only this one")
    options = parser.parse_args()
    strategies = (options.strategy,) if options.strategy else STRATEGIES
    by_size = {f"{recipe.vocabulary}x{recipe.positions}": recipe for recipe in MODELS}
    unknown = set(options.sizes) - set(by_size)
    if unknown:
        parser.error(f"no recipe for {', '.join(sorted(unknown))}; there are: {', '.join(by_size)}")
    options.folder.mkdir(parents=True, exist_ok=True)
    recipes = [by_size[size] for size in options.sizes or by_size]
    rows = []
    with progress_bar(len(recipes) * len(strategies)) as bar:
        for recipe in recipes:
            for strategy in strategies:
                bar.start(f"{recipe}, {strategy}")
                rows.append(measured(recipe, strategy, options.folder))
    say("Operations, seconds of the processor, and memory of the check:")
    print_table(*table(rows), words=("strategy",))
    say("\nOperations grow as these powers of the number of tokens v and of positions K:")
    print_table(*exponents(rows), words=("strategy", "paper"))


def measured(recipe: Recipe, strategy: str, folder: Path) -> Measured:
    """What is known of one certificate, found out where it is not yet."""
    known = folder / f"{recipe}.{strategy}.json"
    if not known.exists():
        row = measure(recipe, strategy, folder)
        known.write_text(json.dumps(asdict(row)) + "\n", encoding="ascii")
    return Measured(**json.loads(known.read_text(encoding="ascii")))


def measure(recipe: Recipe, strategy: str, folder: Path) -> Measured:
    weights, model = folder / f"{recipe}.safetensors", folder / f"{recipe}.model"
    certificate = folder / f"{recipe}.{strategy}.certificate"
    if not weights.exists():
        train(weights, recipe.positions, recipe.vocabulary, recipe.width, recipe.seed, recipe.steps)
    export(weights, model)
    command = ["prove", str(model), "--strategy", strategy, "-o", str(certificate)]
    _, prove_seconds, _ = run([sys.executable, "-m", "compact_proofs", *command])
    printed, check_seconds, mebibytes = run(checker_command(model, certificate))
    verdict = json.loads(printed)
    exact = parse_model(model.read_bytes())
    sizes = {v: exact.vocabulary, v_out: exact.outputs, K: exact.positions, d: exact.width, d_head: exact.head_width}
    return Measured(
        tokens=recipe.vocabulary,
        positions=recipe.positions,
        accuracy=sampled_accuracy(float_weights(exact), SAMPLES, seed=1),
        strategy=strategy,
        certified=verdict["correct_at_least"] / verdict["total"],
        operations=verdict["operations"],
        tables=evaluate(prepared(strategy), sizes),
        brute_force=evaluate(formula("brute-force"), sizes),
        prove_seconds=prove_seconds,
        check_seconds=check_seconds,
        check_mebibytes=mebibytes,
    )


def run(command: Sequence[str]) -> tuple[str, float, float]:
    """What a command prints, its seconds of the processor, and the most memory that it had, in MiB."""
    done = subprocess.run([sys.executable, "-I", "-c", START, *command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    seconds, mebibytes = map(float, done.stderr.splitlines()[-1].split())
    return done.stdout, seconds, mebibytes


def table(rows: Iterable[Measured]) -> tuple[list[str], list[list[str]]]:
    columns = ["tokens", "positions", "accuracy", "strategy", "certified", "operations", "brute force"]
    columns += ["prove s", "check s", "check MiB"]
    lines = []
    for row in rows:
        line = [str(row.tokens), str(row.positions), f"{row.accuracy:.4f}", row.strategy, f"{row.certified:.4f}"]
        line += [f"{row.operations:,}", f"{row.brute_force:.2g}", f"{row.prove_seconds:.1f}"]
        lines.append([*line, f"{row.check_seconds:.1f}", f"{row.check_mebibytes:.0f}"])
    return columns, lines


def exponents(rows: Sequence[Measured]) -> tuple[list[str], list[list[str]]]:
    """Powers fitted to the operations of every strategy, to those of its tables, and of its groups."""
    lines = []
    for strategy in dict.fromkeys(row.strategy for row in rows):
        own, line = [row for row in rows if row.strategy == strategy], [strategy]
        for count in COUNTS.values():
            line += fitted(own, [float(count(row)) for row in own])
        lines.append([*line, PAPER[strategy]])
    return ["strategy", *(f"{name}: {power}" for name in COUNTS for power in ("v", "K")), "paper"], lines


def fitted(rows: Sequence[Measured], counts: Sequence[float]) -> list[str]:
    """The powers of v and of K in the product of a constant and these powers that is nearest to `counts` in the
    logarithm; '-' where the sizes do not tell."""
    sizes = np.log([[row.tokens, row.positions, np.e] for row in rows])
    if np.linalg.matrix_rank(sizes) < 3:
        return ["-", "-"]
    powers, *_ = np.linalg.lstsq(sizes, np.log(counts), rcond=None)
    return [f"{power:.2f}" for power in powers[:2]]


if __name__ == "__main__":
    use_one_core()
    main()
