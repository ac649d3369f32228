"""Odd models: sizes 1 to 40, numbers from 1e-30 to 1e30, ties, integers, zero matrices, huge positions, and ones made
by hand that are nearly always right.

`python tests/odd_models.py [COUNT] [FIRST]` compares all strategies on so many of them (300) with the truth, from the
one numbered FIRST (0) on; `tests/test_odd_models.py` does so for some.
"""

import random
import sys
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from math import log, sqrt

import checker.numbers.rounding
from certificates.short import OverBudget
from certificates.strategies import STRATEGIES, find_proof
from checker.check import check
from checker.errors import Declined
from fuzzing.models import NAMES, Model, matrix, max_model, model_file, scaled, uniform_model, zeros
from fuzzing.oracle import Oracle

# Where scores differ much, these take most of the time, and are the same for many strategies and checks.
checker.numbers.rounding.exponential_factors = lru_cache(64)(checker.numbers.rounding.exponential_factors.__wrapped__)

# Positive margins that are smaller may be lost.
LEAST_MARGIN = Fraction(1, 2**200)
# The difference of scores up to which the checker has a label's attention weight.
LARGEST_SPREAD = 4000 * log(2)
MAX_INPUTS = 700


def normal_matrix(rng: random.Random, rows: int, columns: int, scale: float) -> list[list[Fraction]]:
    return [[Fraction(scale * rng.gauss(0, 1)) for _ in range(columns)] for _ in range(rows)]


def shapes(v: int, n: int, o: int, d: int, h: int) -> dict[str, tuple[int, int]]:
    return dict(zip(NAMES, ((v, d), (n, d), (d, h), (d, h), (d, h), (h, d), (d, o)), strict=True))


def trained_like(rng: random.Random, v: int, n: int, o: int) -> Model:
    """A model that finds the maximum, more or less, in real numbers: noise on every weight."""
    model = max_model(n, v, rng.randint(2, 8), o)
    noise = rng.choice((0.0, 1e-6, 1e-3, 1e-2, 0.1))
    for name in NAMES:
        model[name] = [[k + Fraction(noise * rng.gauss(0, 1)) for k in row] for row in model[name]]
    return model


def at_any_scale(rng: random.Random, v: int, n: int, o: int) -> Model:
    sizes = shapes(v, n, o, rng.randint(1, 6), rng.randint(1, 4))
    return {name: normal_matrix(rng, *size, 10.0 ** rng.uniform(-30, 30)) for name, size in sizes.items()}


def right_at_any_scale(rng: random.Random, v: int, n: int, o: int) -> Model:
    """Logits of any size, and scores as they were or of any size."""
    model = trained_like(rng, v, n, o)
    factor = Fraction(2) ** rng.randint(-100, 100)
    model["W_U"] = scaled(model["W_U"], factor)
    if rng.random() < 0.5:
        model["W_Q"] = scaled(model["W_Q"], Fraction(2) ** rng.randint(0, 100))
    return model


def of_integers(rng: random.Random, v: int, n: int, o: int) -> Model:
    largest = rng.choice((1, 2, 3, 10))
    sizes = shapes(v, n, o, rng.randint(1, 5), rng.choice((1, 2, 3, 4)))
    return {
        name: matrix([[rng.randint(-largest, largest) for _ in range(columns)] for _ in range(rows)])
        for name, (rows, columns) in sizes.items()
    }


def with_ties(rng: random.Random, v: int, n: int, o: int) -> Model:
    """Some outputs equal, or all tokens attended to alike and integer logits."""
    if rng.random() < 0.5:
        direct, moved = ([[rng.randint(-2, 2) for _ in range(o)] for _ in range(v)] for _ in range(2))
        return uniform_model(direct, matrix(moved), n)
    model = trained_like(rng, v, n, o)
    for row in model["W_U"]:
        row[rng.randrange(o) if o == 1 else 0] = row[-1]
    return model


def with_zeros(rng: random.Random, v: int, n: int, o: int) -> Model:
    model = rng.choice((trained_like, of_integers))(rng, v, n, o)
    for name in rng.sample(NAMES, rng.choice((1, 1, 2))):
        model[name] = zeros(len(model[name]), len(model[name][0]))
    return model


def with_a_huge_position(rng: random.Random, v: int, n: int, o: int) -> Model:
    model = rng.choice((trained_like, of_integers))(rng, v, n, o)
    position = rng.randrange(n)
    model["W_pos"][position] = [Fraction(10.0 ** rng.uniform(0, 30) * rng.gauss(0, 1)) for _ in model["W_pos"][0]]
    return model


MAKERS: tuple[Callable[[random.Random, int, int, int], Model], ...] = (
    trained_like,
    at_any_scale,
    right_at_any_scale,
    of_integers,
    with_ties,
    with_zeros,
    with_a_huge_position,
)


def odd_model(number: int) -> Model:
    """The odd model of this number."""
    rng = random.Random(number)
    positions = rng.choice((2, 2, 3, 3, 4, 5))
    largest = max(v for v in range(1, 41) if v**positions <= MAX_INPUTS)
    if number % 30 == 0:  # as large as can be
        positions, largest = 2, 40
        vocabulary = rng.randint(27, 40)
    else:
        vocabulary = rng.randint(1, min(largest, 12))
    return MAKERS[number % len(MAKERS)](rng, vocabulary, positions, vocabulary + rng.choice((0, 0, 0, 1, 3)))


def problems(number: int) -> list[str]:
    """What is wrong with what strategies find for the odd model of this number."""
    weights = odd_model(number)
    data, oracle = model_file(weights), Oracle(weights)
    found, wrong = {}, []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in STRATEGIES:
            proof = found[name] = find_proof(data, name)
            verdict = check(data, proof.certificate)
            if (verdict.verdict, verdict.correct_at_least) != ("accepted", proof.correct):
                wrong.append(f"{name}: {verdict}")
            elif proof.correct and verdict.operations != proof.operations:
                wrong.append(f"{name}: {proof.operations} operations, checked in {verdict.operations}")
        best = max(proof.correct for proof in found.values())
        if best > oracle.correct:
            wrong.append(f"{best} proved of {oracle.correct}")
        if found["auto"].correct < best:
            wrong.append(f"auto: {found['auto'].correct}, another strategy {best}")
        if found["exact"].correct < oracle.correct and found["exact"].correct < clearly_right(oracle):
            wrong.append(f"exact: {found['exact'].correct} of {oracle.correct}")
        budget = random.Random(number).choice([proof.operations for proof in found.values()])
        wrong += [f"budget {budget}: {line}" for line in problems_of_budget(data, budget)]
    return wrong


def problems_of_budget(data: bytes, budget: int) -> list[str]:
    """What is wrong with `auto` within a budget of operations: others find more in as many."""
    best = 0
    for name, strategy in STRATEGIES.items():
        try:
            proof = find_proof(data, name, budget if strategy.budgeted else None)
        except (OverBudget, Declined):
            proof = None
        if proof is None:
            if name == "auto" and best:
                return [f"auto: nothing, another strategy {best}"]
            continue
        if proof.operations > budget and strategy.budgeted:
            return [f"{name}: {proof.operations} operations"]
        if proof.operations <= budget:
            best = max(best, proof.correct)
        if name == "auto" and proof.correct < best:
            return [f"auto: {proof.correct}, another strategy {best}"]
    return []


def clearly_right(oracle: Oracle) -> int:
    """The inputs whose margins are all above LEAST_MARGIN, and whose label is attended to at all: a checker's numbers
    end at 2**-4096 of the largest attention weight, of any token and of any position before the last."""
    outputs = range(oracle.outputs)
    return sum(
        is_attended_to(oracle, tokens[-1], max(tokens))
        and all(oracle.compare_margin(tokens, o, LEAST_MARGIN) > 0 for o in outputs if o != max(tokens))
        for tokens in oracle.inputs()
    )


@lru_cache(2**12)
def is_attended_to(oracle: Oracle, query: int, label: int) -> bool:
    scores, largest = oracle.scores[query], LARGEST_SPREAD * sqrt(oracle.head_width)
    of_positions = [by_token[0] for by_token in scores]
    return max(scores[0]) - scores[0][label] < largest and max(of_positions) - max(of_positions[:-1]) < largest


def main() -> None:
    count, first = [*map(int, sys.argv[1:]), *(300, 0)[len(sys.argv) - 1 :]]
    failures = 0
    for number in range(first, first + count):
        wrong = problems(number)
        failures += bool(wrong)
        for line in wrong:
            print(f"model {number}: {line}", flush=True)
    print(f"{count} odd models, {failures} with problems")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
