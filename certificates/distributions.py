"""Distribution files (`docs/formats.md`), written from what people say: probabilities, or a set of inputs."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any

from checker.models.attention_only import parse_model
from checker.models.program import parse_program
from checker.rules.distribution import MAX_WEIGHT
from checker.rules.examine import PROGRAM

# Decimal places of a number, before or after the point.
MAX_DIGITS = 40

Rows = Sequence[Sequence[int]]
# The first and the last label of inputs, or None for those of every label, and the weights [position][token].
Part = tuple[tuple[int, int] | None, Rows]


class BadDistribution(ValueError):
    """What was given is no distribution for the model; the message says why."""


def format_distribution(parts: Sequence[Part]) -> bytes:
    """The text of a distribution of these parts."""
    positions = len(parts[0][1])
    lines = ["compact-proofs-distribution 1", f"positions {positions}", f"parts {len(parts)}"]
    for labels, rows in parts:
        lines.append("labels every" if labels is None else f"labels {labels[0]} {labels[1]}")
        lines += [" ".join(map(str, [len(row), *row])) for row in rows]
    return "\n".join([*lines, "end", ""]).encode("ascii")


def gap_distribution(model_data: bytes, gap: int) -> bytes:
    """The set of inputs of a model of max-of-K whose largest token is `gap` or more, and at least `gap` above every
    smaller one.

    Inputs of the set weigh 1 each, all others 0. The largest token may occur more than once, and everywhere.
    """
    if model_data.startswith(PROGRAM):
        raise BadDistribution("a gap below the largest token is for models of max")
    model = parse_model(model_data)
    if gap >= model.vocabulary:
        raise BadDistribution(f"no two tokens below {model.vocabulary} are {gap} apart")
    parts: list[Part] = []
    for label in range(gap, model.vocabulary):
        row = [int(token == label or token <= label - gap) for token in range(model.vocabulary)]
        parts.append(((label, label), [row] * model.positions))
    return format_distribution(parts)


def token_distribution(model_data: bytes, text: str) -> bytes:
    """The distribution of independent tokens of which `text` has the probabilities, or anything proportional.

    It is JSON: a list of a number for each token, for all positions, or a list of such lists, one for each position.
    Numbers are taken as they are written in decimal.
    """
    if model_data.startswith(PROGRAM):
        sizes = [len(tokens) for tokens in parse_program(model_data).inputs.sets]
    else:
        model = parse_model(model_data)
        sizes = [model.vocabulary] * model.positions
    try:
        found = json.loads(text, parse_float=_number, parse_int=_number)
    except ValueError as error:
        raise BadDistribution(f"no JSON: {error}") from error
    rows = found if isinstance(found, list) and found and isinstance(found[0], list) else [found] * len(sizes)
    if not isinstance(found, list) or len(rows) != len(sizes):
        raise BadDistribution(f"expected a list of numbers, or {len(sizes)} of them, one for each position")
    return format_distribution([(None, [_integers(row, size) for row, size in zip(rows, sizes, strict=True)])])


def _number(text: str) -> Fraction:
    number = Decimal(text)
    if number and abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError(f"{text[:MAX_DIGITS]}: out of range")
    return Fraction(number)


def _integers(row: Any, size: int) -> list[int]:
    """The smallest integers that are proportional to some numbers, one for each token of a set of `size`."""
    if not isinstance(row, list) or len(row) != size or not all(isinstance(k, Fraction) and k >= 0 for k in row):
        raise BadDistribution(f"expected lists of {size} numbers, none below 0")
    scale = lcm(*(k.denominator for k in row))
    weights = [int(k * scale) for k in row]
    if max(weights) > MAX_WEIGHT:
        raise BadDistribution(f"numbers of too many digits: weights above max_weight = {MAX_WEIGHT}")
    return weights
