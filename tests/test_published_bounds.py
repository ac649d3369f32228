"""Ours certify at least as much as the published code, strategy by strategy, on the same two models.

`python tests/test_published_bounds.py` prints the comparison.
"""

import csv
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from published import OUR_STRATEGY

from certificates.strategies import prove
from checker.check import check
from checker.verdict import Verdict
from fuzzing.oracle import count_correct_of_four
from model_export.exact_model import export

DATA = Path(__file__).parent / "data"
MODELS = ("reference_0", "reference_1")


@cache
def published() -> dict[tuple[str, str], tuple[int, int]]:
    """(model, strategy) -> (correct at least, total), as the published code has it."""
    with (DATA / "published_code_bounds.csv").open(newline="") as file:
        return {
            (row["model"], row["strategy"]): (int(row["correct_at_least"]), int(row["total"]))
            for row in csv.DictReader(file)
        }


@cache
def model_data(name: str) -> bytes:
    with TemporaryDirectory() as directory:
        path = Path(directory) / f"{name}.model"
        export(DATA / f"{name}.npz", path, task="max")
        return path.read_bytes()


@cache
def verdict(name: str, strategy: str) -> Verdict:
    """What the kernel says of our strategy's certificate; each is proved once."""
    found = check(model_data(name), prove(model_data(name), strategy))
    assert (found.verdict, found.reason) == ("accepted", "")
    return found


@cache
def true_count(name: str) -> int:
    weights = np.load(DATA / f"{name}.npz")
    return count_correct_of_four({key: [[Fraction(float(k)) for k in row] for row in weights[key]] for key in weights})[
        0
    ]


def test_every_published_strategy_has_one_of_ours() -> None:
    assert len(OUR_STRATEGY) == 102
    for model in MODELS:
        found = {strategy for name, strategy in published() if name == model}
        assert found == set(OUR_STRATEGY) - {"brute-force"}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", sorted(set(OUR_STRATEGY.values())))
def test_ours_certifies_at_least_as_much(model: str, strategy: str) -> None:
    ours = verdict(model, strategy)
    for theirs in (name for name, found in OUR_STRATEGY.items() if found == strategy):
        if theirs == "brute-force":
            assert ours.correct_at_least == true_count(model)
        else:
            bound, total = published()[model, theirs]
            assert ours.total == total
            assert ours.correct_at_least >= bound, theirs


def main() -> None:
    print(f"{'model':12} {'ours':26} {'bound':>8} {'theirs':>8} of the best of")
    for model in MODELS:
        for ours in sorted(set(OUR_STRATEGY.values())):
            names = [name for name, found in OUR_STRATEGY.items() if found == ours]
            found = verdict(model, ours)
            best = max(published().get((model, name), (true_count(model), 0))[0] for name in names)
            print(
                f"{model:12} {ours:26} {found.correct_at_least / found.total:8.6f} "
                f"{best / found.total:8.6f} {len(names)}"
            )


if __name__ == "__main__":
    main()
