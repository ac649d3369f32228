"""Tiny models: as dictionaries of matrices of dyadic `Fraction`s, as files, and at random.

Files are written and read here once more, independently of the kernel's own printer and parser, so that
the two can be compared.
"""

import random
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from itertools import chain
from math import isqrt

from fuzzing.oracle import Matrix

Model = dict[str, Matrix]

NAMES = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U")
# The kinds of random numbers: integers up to a limit, times a power of two.
SIZES = {
    "zero": (0, 0),
    "mild": (2**8, -6),
    "generic": (2**12, -10),
    "wide": (2**40, -38),
    "tiny": (2**20, -90),
    "huge": (2**60, 0),
}
KINDS = ("mild", "mild", "tied", "tied", "generic", "wide", "tiny", "zero")
SHAPES = ("full", "full", "full", "full", "full", "full", "constant", "equal rows", "rank one", "one spike")


def matrix(rows: Iterable[Iterable[Fraction | int]]) -> Matrix:
    return [[Fraction(entry) for entry in row] for row in rows]


def zeros(rows: int, columns: int) -> Matrix:
    return [[Fraction(0)] * columns for _ in range(rows)]


# Files


def power_of_two(numbers: Iterable[Fraction]) -> int:
    """The largest e for which all numbers are integers times 2**e; 0 if all are zero."""
    exponents = []
    for number in numbers:
        if number:
            lowest_bit = number.numerator & -number.numerator
            exponents.append(lowest_bit.bit_length() - number.denominator.bit_length())
    return min(exponents, default=0)


def integers_of(rows: Matrix) -> tuple[list[list[int]], int]:
    """The matrix as integers times the canonical power of two, and the exponent."""
    exponent = power_of_two(chain(*rows))
    numerator, denominator = 1 << max(0, -exponent), 1 << max(0, exponent)
    scaled = [[k.numerator * numerator // (k.denominator * denominator) for k in row] for row in rows]
    return scaled, exponent


def model_file(model: Model) -> bytes:
    """The exact model file of `model`."""
    lines = [
        "compact-proofs-model 1\narchitecture attention-only\nlayers 1\nheads 1\nbiases 0",
        f"positions {len(model['W_pos'])}",
        f"vocabulary {len(model['W_E'])}",
        f"outputs {len(model['W_U'][0])}",
        f"width {len(model['W_E'][0])}",
        f"head_width {len(model['W_Q'][0])}",
        "task max",
    ]
    for name in NAMES:
        rows, exponent = integers_of(model[name])
        lines.append(f"tensor {name} {len(rows)} {len(rows[0])} {exponent}")
        lines += [" ".join(map(str, row)) for row in rows]
    return ("\n".join(lines) + "\nend\n").encode("ascii")


def read_model(data: bytes) -> Model:
    """The model in a file that is well formed. Raises `ValueError` where it plainly is not."""
    words = iter(data.decode("ascii").split())
    model: Model = {}
    for word in words:
        if word != "tensor":
            continue
        name, rows, columns, exponent = next(words), *(int(next(words)) for _ in range(3))
        unit = Fraction(2) ** exponent
        model[name] = [[int(next(words)) * unit for _ in range(columns)] for _ in range(rows)]
    if tuple(model) != NAMES:
        raise ValueError(f"a model of the tensors {', '.join(model)}")
    return model


# Models made by hand


def max_model(positions: int, vocabulary: int, sharpness: int = 8, outputs: int | None = None) -> Model:
    """A hand-made model that finds the maximum with ease: attention grows with the token, and the
    value of a token votes for its own output, four times as much as the query does. Width and head
    width are the vocabulary's."""
    v, o = vocabulary, outputs or vocabulary
    identity = [[int(i == j) for j in range(v)] for i in range(v)]
    return {
        "W_E": matrix(identity),
        "W_pos": zeros(positions, v),
        "W_Q": matrix([[1] + [0] * (v - 1) for _ in range(v)]),
        "W_K": matrix([[sharpness * t] + [0] * (v - 1) for t in range(v)]),
        "W_V": matrix(identity),
        "W_O": matrix([[4 * k for k in row] for row in identity]),
        "W_U": matrix([[int(i == j) for j in range(o)] for i in range(v)]),
    }


def uniform_model(direct: Sequence[Sequence[Fraction | int]], moved: Matrix, positions: int) -> Model:
    """A model that attends to all positions alike, whose logits are `direct[q][o]` plus the mean of
    `moved[t][o]`: every scaled margin is an exact sum, so that bounds can be placed exactly on it."""
    v, o = len(moved), len(moved[0])
    # Each token has a dimension of its own, and so has each output that values are moved to.
    identity = [[int(i == j) for j in range(v + o)] for i in range(v + o)]
    return {
        "W_E": matrix(identity[:v]),
        "W_pos": zeros(positions, v + o),
        "W_Q": zeros(v + o, o),
        "W_K": zeros(v + o, o),
        "W_V": [*matrix(moved), *zeros(o, o)],
        "W_O": matrix(identity[v:]),
        "W_U": matrix([*direct, *(row[v:] for row in identity[v:])]),
    }


# Random models


def random_number(rng: random.Random, kind: str) -> Fraction:
    """A random dyadic number; those of the kind "tied" are often equal."""
    if kind == "tied":
        return Fraction(rng.choice((0, 1, -1, 2, 0, 1)), rng.choice((1, 1, 2)))
    limit, exponent = SIZES[kind]
    return rng.randint(-limit, limit) * Fraction(2) ** exponent


def random_matrix(rng: random.Random, rows: int, columns: int, kind: str | None = None) -> Matrix:
    """A random matrix: full, constant, with equal rows, of rank one, or with one huge entry."""
    shape, kind = rng.choice(SHAPES), kind or rng.choice(KINDS)

    def numbers(count: int) -> list[Fraction]:
        return [random_number(rng, kind) for _ in range(count)]

    if shape == "constant":
        number = numbers(1)
        return [number * columns for _ in range(rows)]
    if shape == "equal rows":
        row = numbers(columns)
        return [list(row) for _ in range(rows)]
    if shape == "rank one":
        left, right = numbers(rows), numbers(columns)
        return [[a * b for b in right] for a in left]
    entries = [numbers(columns) for _ in range(rows)]
    if shape == "one spike":
        entries[rng.randrange(rows)][rng.randrange(columns)] = random_number(rng, "huge")
    return entries


def _uniform(rng: random.Random, vocabulary: int, positions: int, outputs: int) -> Model:
    tied = random_matrix(rng, vocabulary, outputs, "tied")
    return uniform_model(random_matrix(rng, vocabulary, outputs, "tied"), tied, positions)


def _disturbed(rng: random.Random, vocabulary: int, positions: int, outputs: int) -> Model:
    model = max_model(positions, vocabulary, rng.randint(0, 6), outputs)
    kind = rng.choice(("mild", "tiny", "tied", "wide"))
    for name in rng.sample(NAMES, rng.randint(0, 3)):
        row = rng.choice(model[name])
        row[rng.randrange(len(row))] += random_number(rng, kind)
    return model


def _generic(rng: random.Random, vocabulary: int, positions: int, outputs: int) -> Model:
    width, head_width = rng.randint(1, 3), rng.randint(1, 3)
    shapes = (
        *((vocabulary, width), (positions, width)),
        *((width, head_width),) * 3,
        *((head_width, width), (width, outputs)),
    )
    return {name: random_matrix(rng, *shape) for name, shape in zip(NAMES, shapes, strict=True)}


def _faint(rng: random.Random, vocabulary: int, positions: int, outputs: int) -> Model:
    """A model that finds the maximum, more or less, with tables that are exact in fixed point of few bits: its
    head width is a square, and its small logits are multiples of one number. Then the rounding of a weight
    matters little to a term, and that of the term itself, or of an exponential, much."""
    model = max_model(positions, vocabulary, rng.randint(1, 6), outputs)
    head_width = (isqrt(vocabulary - 1) + 1) ** 2
    for name in ("W_Q", "W_K", "W_V"):
        model[name] = [row + [Fraction(0)] * (head_width - vocabulary) for row in model[name]]
    model["W_O"] += zeros(head_width - vocabulary, vocabulary)
    for _ in range(rng.randint(0, 3)):
        row = rng.choice(model["W_U"])
        row[rng.randrange(outputs)] += random_number(rng, "tied")
    model["W_U"] = scaled(model["W_U"], Fraction(1, 2 ** rng.randint(0, 24)))
    return model


# How a random model comes to be. More than half of them find the maximum, more or less.
MAKERS: tuple[Callable[[random.Random, int, int, int], Model], ...] = (
    *(_disturbed, _faint, _disturbed, _disturbed, _faint, _disturbed),
    *(_generic, _generic, _generic, _uniform),
)


def random_model(rng: random.Random, max_inputs: int = 128, positions: int | None = None) -> Model:
    """A random tiny model of at most `max_inputs` inputs, with extreme and degenerate ones among them."""
    positions = positions or rng.choice((2, 3, 4))
    largest = max(v for v in range(1, 6) if v**positions <= max_inputs)
    vocabulary = min(largest, rng.choice((2, 3, 4, 5, 1)))
    outputs = vocabulary + rng.choice((0, 0, 0, 1, 2))
    return rng.choice(MAKERS)(rng, vocabulary, positions, outputs)


def scaled(matrix: Matrix, scale: Fraction) -> Matrix:
    return [[k * scale for k in row] for row in matrix]


def changed_entry(rng: random.Random, matrix: Matrix) -> Matrix:
    """One entry is a little larger or smaller, or something else altogether."""
    changed = [list(row) for row in matrix]
    row = rng.choice(changed)
    column = rng.randrange(len(row))
    step = Fraction(2) ** rng.randint(-60, 4)
    row[column] = rng.choice((row[column] + step, row[column] - step, -row[column], 2 * row[column], Fraction(0)))
    return changed
