"""The truth about small models, computed without any code of the kernel.

Everything follows the definitions of `docs/semantics.md` directly: logits of the real function, no
tables of differences, no fixed point. A model is given as a dictionary of matrices of `Fraction`s
(rows as lists), by tensor name. Sums of exponentials are enclosed by FLINT's ball arithmetic, which
the kernel does not use, at a precision that is doubled until the answer is certain.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import product
from math import lcm
from typing import Any

import numpy as np
from flint import arb, ctx, fmpq

Matrix = list[list[Fraction]]
Weights = Mapping[str, Matrix]
Exact = tuple[np.ndarray[Any, Any], int]

ENCLOSURE_BITS = 128
MAX_PRECISION = 2**22


def ball(number: Fraction) -> arb:
    """`number` enclosed at the current precision."""
    return arb(fmpq(number.numerator, number.denominator))


def root(number: int) -> arb:
    """The square root of `number`, without a radius where it is an integer."""
    return arb(number).sqrt()


def sign_of_exponentials(terms: Sequence[tuple[Fraction, Fraction]], radicand: int) -> int:
    """The sign of the sum of c * exp(r / sqrt(radicand)) over the `terms` (r, c): -1, 0 or 1.

    Exponentials of different algebraic numbers are linearly independent over the algebraic numbers
    (Lindemann-Weierstrass). So the sum is zero only if the coefficients of each exponent add up to
    zero, which is decided in fractions; otherwise a high enough precision shows the sign.
    """
    coefficients: dict[Fraction, Fraction] = {}
    for exponent, coefficient in terms:
        coefficients[exponent] = coefficients.get(exponent, Fraction(0)) + coefficient
    nonzero = {r: c for r, c in coefficients.items() if c != 0}
    if not nonzero:
        return 0
    # A positive common factor keeps the sign, and with the largest exponent gone nothing overflows.
    top = max(nonzero)
    precision = ENCLOSURE_BITS
    while precision <= MAX_PRECISION:
        with ctx.workprec(precision):
            total = arb(0)
            for exponent, coefficient in nonzero.items():
                total += ball(coefficient) * (ball(exponent - top) / root(radicand)).exp()
            if total > 0:
                return 1
            if total < 0:
                return -1
        precision *= 2
    raise ArithmeticError("the sign needs more precision than the oracle is willing to spend")


def exact_matrix(matrix: Matrix) -> Exact:
    """`matrix` as an array of Python integers over one common denominator."""
    denominator = lcm(*(entry.denominator for row in matrix for entry in row))
    integers = [[entry.numerator * (denominator // entry.denominator) for entry in row] for row in matrix]
    return np.array(integers, dtype=object).reshape(len(matrix), len(matrix[0])), denominator


def exact_product(left: Exact, right: Exact) -> Exact:
    return left[0].dot(right[0]), left[1] * right[1]


def exact_sum(left: Exact, right: Exact) -> Exact:
    denominator = lcm(left[1], right[1])
    return (
        left[0] * (denominator // left[1]) + right[0] * (denominator // right[1]),
        denominator,
    )


def fractions(matrix: Exact) -> Matrix:
    return [[Fraction(k, matrix[1]) for k in row] for row in matrix[0].tolist()]


class Oracle:
    """The exact behaviour of one model.

    `scores[q][j][t]` is the attention score of token t at position j for query q, times
    sqrt(head_width). `direct[q][o]` and `moved[j][t][o]` are the parts of the logit of output o that
    come from the query itself and from attending to token t at position j.
    """

    def __init__(self, weights: Weights) -> None:
        exact = {name: exact_matrix(matrix) for name, matrix in weights.items()}
        self.vocabulary = len(weights["W_E"])
        self.positions = len(weights["W_pos"])
        self.head_width = len(weights["W_Q"][0])
        self.outputs = len(weights["W_U"][0])
        residual = [exact_sum(exact["W_E"], (exact["W_pos"][0][[j]], exact["W_pos"][1])) for j in range(self.positions)]
        query = exact_product(residual[-1], exact["W_Q"])
        by_position = []
        moved = []
        for stream in residual:
            key, key_denominator = exact_product(stream, exact["W_K"])
            by_position.append(fractions(exact_product(query, (key.T, key_denominator))))
            value = exact_product(exact_product(stream, exact["W_V"]), exact["W_O"])
            moved.append(fractions(exact_product(value, exact["W_U"])))
        self.scores = [[table[q] for table in by_position] for q in range(self.vocabulary)]
        self.direct = fractions(exact_product(residual[-1], exact["W_U"]))
        self.moved = moved
        self._balls: dict[tuple[int, int], list[list[list[arb]]]] = {}

    @property
    def total(self) -> int:
        return self.vocabulary**self.positions

    def inputs(self) -> Iterator[tuple[int, ...]]:
        return product(range(self.vocabulary), repeat=self.positions)

    def reference(self, query: int, label: int) -> Fraction:
        """The exponent, times sqrt(head_width), by whose exponential the scaled margin is divided."""
        return max(self.scores[query][j][label] for j in range(self.positions - 1))

    def margin_terms(self, tokens: Sequence[int], output: int) -> list[tuple[Fraction, Fraction]]:
        """The scaled margin against `output` as a sum of c * exp(r / sqrt(head_width)) over (r, c)."""
        query, label = tokens[-1], max(tokens)
        direct = self.direct[query][label] - self.direct[query][output]
        reference = self.reference(query, label)
        return [
            (
                self.scores[query][j][t] - reference,
                direct + self.moved[j][t][label] - self.moved[j][t][output],
            )
            for j, t in enumerate(tokens)
        ]

    def _term_balls(self, query: int, label: int) -> list[list[list[arb]]]:
        """Enclosures of every term [position][token][output] of the margins of one query and label."""
        if (query, label) not in self._balls:
            with ctx.workprec(ENCLOSURE_BITS):
                reference, scale = self.reference(query, label), root(self.head_width)
                table = []
                for j in range(self.positions):
                    rows = []
                    for t in range(label + 1):
                        weight = (ball(self.scores[query][j][t] - reference) / scale).exp()
                        moved = self.moved[j][t]
                        rows.append(
                            [
                                weight
                                * ball(self.direct[query][label] - self.direct[query][o] + moved[label] - moved[o])
                                for o in range(self.outputs)
                            ]
                        )
                    table.append(rows)
                self._balls[query, label] = table
        return self._balls[query, label]

    def margin(self, tokens: Sequence[int], output: int) -> arb:
        """An enclosure of the scaled margin against `output`, with no promise of how wide it is."""
        table = self._term_balls(tokens[-1], max(tokens))
        with ctx.workprec(ENCLOSURE_BITS):
            return sum((table[j][t][output] for j, t in enumerate(tokens)), arb(0))

    def compare_margin(self, tokens: Sequence[int], output: int, bound: Fraction) -> int:
        """The sign of (scaled margin against `output`) - `bound`."""
        with ctx.workprec(ENCLOSURE_BITS):
            difference = self.margin(tokens, output) - ball(bound)
            if difference > 0:
                return 1
            if difference < 0:
                return -1
        terms = self.margin_terms(tokens, output)
        return sign_of_exponentials([*terms, (Fraction(0), -bound)], self.head_width)

    def is_correct(self, tokens: Sequence[int]) -> bool:
        """Whether the label's logit is strictly greater than every other."""
        label = max(tokens)
        return all(
            self.compare_margin(tokens, output, Fraction(0)) > 0 for output in range(self.outputs) if output != label
        )

    @cached_property
    def correct(self) -> int:
        """The true number of correct inputs, by brute force."""
        return sum(map(self.is_correct, self.inputs()))

    def count_above(self, label: int, queries: range, bounds: Mapping[int, Fraction]) -> int:
        """How many inputs with this label and a last token in `queries` have, against every output in
        `bounds`, a scaled margin of at least its bound."""
        return sum(
            all(self.compare_margin((*tokens, query), o, b) >= 0 for o, b in bounds.items())
            for query in queries
            for tokens in product(range(label + 1), repeat=self.positions - 1)
            if max(*tokens, query) == label
        )


def count_correct(weights: Weights) -> int:
    """The true number of correct inputs of a tiny model."""
    return Oracle(weights).correct


def count_correct_of_four(weights: Weights) -> tuple[int, int]:
    """The true number of correct inputs of a model of four positions, and how many inputs needed
    exact arithmetic because their margins are within the error of float64.

    For each query q and label m the margins of all inputs, times one positive factor, are sums of
    four floats T_j(t_j, o) = w_j(t) * g_j(t, o), with the weights w scaled to be at most 1 over the
    tokens up to m. With u = 2**-53:

    * w is the midpoint of a ball of relative radius below 2**-100, to within one unit in the last
      place however it is rounded: a relative error of at most 2.01 u.
    * g = (direct[m] - direct[o]) + (moved[m] - moved[o]) comes from four correctly rounded entries
      and three roundings, each relative to a partial sum of at most 4 G, where G bounds all entries of
      the tables: an absolute error of at most (4 + 3 * 4) G u * 1.01, and |g| <= 4.01 G.
    * T has an absolute error of at most 1.01 * 16.2 G u + 4.01 G * 3.1 u < 29 G u, and |T| <= 4.1 G.
    * The sum of four T, in any order, is rounded three times at partial sums of at most 16.5 G: the
      margin has an absolute error of at most 4 * 29 G u + 3 * 16.5 G u < 170 G u.

    Underflow adds less than 2**-1000, which the factor 256 in `error` below covers since G is far above.
    An input whose float margins are all above `error` is correct, one with a margin below -`error` is
    not; the rest go to exact arithmetic.
    """
    oracle = Oracle(weights)
    if oracle.positions != 4:
        raise ValueError("this truth is written for four positions")
    largest = max(abs(entry) for table in (oracle.direct, *oracle.moved) for row in table for entry in row)
    if largest < Fraction(1, 2**400):
        raise ValueError("underflow is not covered for tables this small")
    error = 256 * float(largest) * 2.0**-53
    direct = np.array([[float(k) for k in row] for row in oracle.direct])
    moved = np.array([[[float(k) for k in row] for row in table] for table in oracle.moved])
    correct = exact = 0
    for query in range(oracle.vocabulary):
        for label in range(query, oracle.vocabulary):
            weight = _scaled_weights(oracle, query, label)
            gap = (direct[query, label] - direct[query]) + (moved[:, : label + 1, [label]] - moved[:, : label + 1])
            terms = weight[:, :, None] * gap
            others = [o for o in range(oracle.outputs) if o != label]
            for box in _boxes(query, label):
                sure, doubtful = _count_box(terms, box, query, others, error)
                exact += len(doubtful)
                correct += sure + sum(map(oracle.is_correct, doubtful))
    return correct, exact


def _scaled_weights(oracle: Oracle, query: int, label: int) -> np.ndarray[Any, Any]:
    """exp(score), divided by its largest value over tokens up to the label, [position, token]."""
    scores = [row[: label + 1] for row in oracle.scores[query]]
    top = max(max(row) for row in scores)
    with ctx.workprec(ENCLOSURE_BITS):
        scale = root(oracle.head_width)
        return np.array([[float((ball(k - top) / scale).exp().mid()) for k in row] for row in scores])


def _boxes(query: int, label: int) -> list[list[range]]:
    """Disjoint products of ranges of three tokens: those up to the label that contain the label
    (anything up to the label, where the query is the label), by where the label comes first."""
    every, below, only = range(label + 1), range(label), range(label, label + 1)
    if query == label:
        return [[every] * 3]
    boxes = [[only, every, every], [below, only, every], [below, below, only]]
    return [box for box in boxes if all(box)]


def _count_box(
    terms: np.ndarray[Any, Any], box: list[range], query: int, others: list[int], error: float
) -> tuple[int, list[tuple[int, ...]]]:
    """How many inputs of the box are correct for sure, and those that float64 cannot decide."""
    chosen = [terms[j, tokens.start : tokens.stop] for j, tokens in enumerate(box)]
    # The least margin of the box is at least the sum of the least terms, to within the same error.
    least = sum((row.min(axis=0) for row in chosen), terms[3, query])
    open_outputs = [o for o in others if least[o] <= 2 * error]
    size = len(box[0]) * len(box[1]) * len(box[2])
    if not open_outputs:
        return size, []
    margin = np.full([len(tokens) for tokens in box], np.inf)
    first, second, third = (row[:, open_outputs] for row in chosen)
    for i in range(len(open_outputs)):
        sums = (first[:, i, None] + second[:, i])[:, :, None] + third[:, i]
        np.minimum(margin, sums + terms[3, query, open_outputs[i]], out=margin)
    doubtful = [
        (*(int(k) + tokens.start for k, tokens in zip(place, box, strict=True)), query)
        for place in np.argwhere(np.abs(margin) <= error)
    ]
    return int((margin > error).sum()), doubtful
