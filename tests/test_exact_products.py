"""Integer products and roots of arrays, against Python's integers, for numbers of every size."""

import random
from math import isqrt

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.numbers.exact import Rounded, inner_down, integers, matrix_down, root
from checker.numbers.rounding import bound

BITS = (0, 1, 20, 26, 30, 52, 53, 60, 61, 62, 63, 64, 200, 1100)


def numbers(rng: random.Random, rows: int, columns: int) -> list[list[int]]:
    """Numbers of up to so many bits, the largest ones often."""
    most = 2 ** rng.choice(BITS) - 1
    return [[rng.choice((-most, most, 0, rng.randint(-most, most))) for _ in range(columns)] for _ in range(rows)]


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_products_round_down(seed: int) -> None:
    rng = random.Random(seed)
    rows, inner, columns, bits = rng.randint(1, 3), rng.randint(1, 5), rng.randint(1, 3), rng.choice((0, 1, 25, 70))
    left, right, other = numbers(rng, rows, inner), numbers(rng, inner, columns), numbers(rng, rows, inner)
    array = integers(left)
    found = matrix_down(array, bound(array), Rounded(integers(right), 0), bits)
    expected = [[sum(a * b for a, b in zip(r, c, strict=True)) >> bits for c in zip(*right, strict=True)] for r in left]
    assert found.tolist() == expected
    inner_expected = [sum(a * b for a, b in zip(*pair, strict=True)) >> bits for pair in zip(left, other, strict=True)]
    assert inner_down(array, integers(other), bits).tolist() == inner_expected


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.integers(0, 2**53 - 1), st.integers(0, 2**130)), min_size=1, max_size=4))
def test_roots_round_down(squares: list[int]) -> None:
    near = [max(0, isqrt(k) ** 2 + d) for k in squares for d in (-1, 0, 1)]
    for each in (squares, near):
        assert root(integers([each])[0]).tolist() == [isqrt(k) for k in each]


def test_a_product_that_float64_would_round_is_exact() -> None:
    left, right = np.array([[2**26 + 1, 2**26 - 1]]), np.array([[2**26 + 1], [1]])
    found = matrix_down(left, 2**26 + 1, Rounded(right, 0), 0)
    assert found.tolist() == [[(2**26 + 1) ** 2 + 2**26 - 1]]
