"""The parts of a study from start to end: what is found is written as CSV and pictures, and printed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from compact_proofs.study import pictures, table
from compact_proofs.study.accuracy import read
from compact_proofs.study.fine_tuning import SEEDS, fine_tuning
from compact_proofs.study.noise import noise, table_rows
from compact_proofs.study.plan import FAMILIES, StudyModel, planned
from compact_proofs.study.proofs import How
from compact_proofs.study.records import write_csv
from compact_proofs.study.run import study, trained, weights_file
from compact_proofs.study.workers import Workers, in_parallel

# The family whose seeds the pictures are about, and of which the model of noise and those of fine-tuning are.
FAMILY = "max-of-4"
NOISE_SEED = 0


@dataclass(frozen=True)
class Table:
    """A table to be printed: its columns, of which some are words, and its rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[str]


@dataclass(frozen=True)
class Report:
    """What a part of the study has to say: tables, lines of text, and the files that it wrote."""

    tables: list[Table]
    lines: list[str]
    files: list[Path]


@dataclass(frozen=True)
class Run:
    """One call of the study: where its files go, who does the work, how, and who is told of progress.

    `seeds` is the most of each family; without `training`, only those whose weights are there. `draws` is how many
    random residuals there are for each circuit.
    """

    output: Path
    workers: Workers
    how: How
    starting: Callable[[str], None]
    families: Sequence[str]
    seeds: int | None
    training: bool
    draws: int


def seeds(run: Run) -> Report:
    """Train, prove and check the models of every family, and compare the strategies."""
    families = run.families or tuple(FAMILIES)
    wanted = [
        model for model in planned(families, run.seeds) if run.training or weights_file(model, run.output).exists()
    ]
    models, proofs, missing = study(wanted, run.output, run.workers, run.how, run.starting)
    rows = table.summary(models, proofs)
    names = ("models.csv", "proofs.csv", "summary.csv")
    files = [run.output / name for name in names]
    write_csv(models, files[0])
    write_csv(proofs, files[1])
    write_csv(rows, files[2])
    if FAMILY in families:
        own = [("seeds.png", pictures.seeds_picture(proofs, FAMILY))]
        own.append(("faithfulness.png", pictures.faithfulness_picture(models, proofs, FAMILY)))
        files += [pictures.save(figure, run.output / name) for name, figure in own]
    if len(families) > 1:
        files.append(pictures.save(pictures.growth_picture(proofs), run.output / "growth.png"))
    printed = Table(table.SUMMARY, [table.printed(row) for row in rows], ("family", "strategy"))
    lines = [f"{found.model}: no proof by {found.strategy}: {found.reason}" for found in missing]
    return Report([printed], lines, files)


def noise_part(run: Run) -> Report:
    """Place one trained model among models whose residuals are random."""
    model = f"{FAMILY}, seed {NOISE_SEED}"
    (weights,) = _trained([NOISE_SEED], run)
    draws, directions = noise(weights, run.output / "noise", run.workers, run.how, run.draws, run.starting)
    tables = table_rows(read(weights))
    names = ("noise.csv", "noise_tables.csv", "directions.csv")
    files = [run.output / name for name in names]
    write_csv(draws, files[0])
    write_csv(tables, files[1])
    write_csv(directions, files[2])
    files.append(pictures.save(pictures.draws_picture(draws, model), run.output / "noise.png"))
    files.append(pictures.save(pictures.directions_picture(directions, model), run.output / "directions.png"))
    return Report(
        [
            Table(table.DRAWS, table.printed_draws(draws), ("circuit",)),
            Table(table.STATISTICS, table.printed_statistics(tables), ("circuit", "statistic")),
            Table(table.DIRECTIONS, table.printed_directions(directions), ()),
        ],
        [],
        files,
    )


def fine_tuning_part(run: Run) -> Report:
    """Fine-tune trained models against what their explanation leaves out, and prove them before and after."""
    weights = _trained(range(min(SEEDS, run.seeds or SEEDS)), run)
    rows = fine_tuning(weights, run.output / "fine-tuning", run.workers, run.how, run.starting)
    path = run.output / "fine_tuning.csv"
    write_csv(rows, path)
    picture = pictures.save(pictures.tuning_picture(rows), run.output / "fine_tuning.png")
    return Report([Table(table.TUNING, table.printed_tuning(rows), ("stage", "class"))], [], [path, picture])


PARTS: dict[str, Callable[[Run], Report]] = {"seeds": seeds, "noise": noise_part, "fine-tuning": fine_tuning_part}


def _trained(numbers: Sequence[int], run: Run) -> list[Path]:
    models = [StudyModel(FAMILIES[FAMILY], seed) for seed in numbers]
    return in_parallel(partial(trained, output=run.output), models, run.workers, run.starting)
