"""Every rounding is the exact function that its docstring states, and every count is exact."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import ceil, floor, isqrt

import numpy as np
import pytest
from flint import arb, ctx, fmpq
from hypothesis import given
from hypothesis import strategies as st
from recording import Recorder
from small_models import examples

from checker.counting import LevelBounds, Span, count_levels, count_sums
from checker.meter import Meter, product_price
from checker.models.tables import Fixed
from checker.models.terms import class_gaps, product_down
from checker.numbers.rounding import (
    ENTRY_LIMIT,
    PRODUCT_LIMIT,
    bound,
    exponential,
    integer_array,
    norm_up,
    root,
    shift,
    shift_down,
    shift_up,
)

LARGE = 2**700
integers = st.one_of(
    st.integers(-LARGE, LARGE),
    st.integers(-8, 8),
    st.sampled_from([2**62, 2**63, -(2**63), 2**64]),
)
shifts = st.one_of(st.integers(-800, 800), st.integers(-3, 3))
# Around the limits at which the kernel changes between 64-bit and unbounded integers.
entries = st.one_of(
    st.integers(-9, 9),
    st.integers(-(2**70), 2**70),
    st.sampled_from([s * 2**e + d for s in (-1, 1) for e in (54, 55, 61, 62, 63) for d in (-1, 0, 1)]),
)


@examples(150)
@given(integers, shifts)
def test_shift_down_is_the_floor_and_shift_up_the_ceiling(number: int, by: int) -> None:
    exact = number * Fraction(2) ** by
    assert shift_down(number, by) == floor(exact)
    assert shift_up(number, by) == ceil(exact)
    assert shift([number, 1], by) == ([floor(exact), shift_down(1, by)], [ceil(exact), shift_up(1, by)])


@examples(150)
@given(integers, shifts, st.one_of(st.integers(1, 50), st.integers(1, 2**40)))
def test_roots_are_the_floor_and_the_ceiling(number: int, by: int, divisor: int) -> None:
    # y <= x / sqrt(divisor) exactly when y * |y| * divisor <= x * |x|, for signed squares.
    exact = number * Fraction(2) ** by
    square = exact * abs(exact)

    def at_most(k: int) -> bool:
        return k * abs(k) * divisor <= square

    (other, down), (_, up) = root([5, number], by, divisor)
    assert other == root([5], by, divisor)[0][0]
    assert at_most(down) and not at_most(down + 1)
    assert up * abs(up) * divisor >= square > (up - 1) * abs(up - 1) * divisor


@examples(150)
@given(st.integers(-(2**200), 2**200), st.integers(1, 10**6))
def test_roots_of_perfect_squares_are_exact(number: int, factor: int) -> None:
    assert root([number * factor], 0, factor**2) == ([number], [number])


@examples(150)
@given(st.one_of(st.integers(0, LARGE), st.integers(0, 40)), st.one_of(st.integers(-400, 400), st.integers(-3, 3)))
def test_norm_up_is_the_ceiling_of_the_root(square: int, shift: int) -> None:
    """Of a root that is an integer, or lies between two."""
    for number in (square, isqrt(square) ** 2):
        exact, found = number * Fraction(4) ** shift, norm_up(number, shift)
        assert found**2 >= exact and (found == 0 or (found - 1) ** 2 < exact)


def enclosure(argument: int, argument_bits: int, bits: int) -> tuple[int, int]:
    """What the kernel makes of exp(-argument / 2**argument_bits)."""
    array = integer_array([argument], (1, 1))
    lower, upper = (exponential(array, argument_bits, bits, side) for side in (False, True))
    assert type(lower[0][0]) is type(upper[0][0]) is int
    return lower[0][0], upper[0][0]


@st.composite
def exponentials(draw: st.DrawFn) -> tuple[int, int, int]:
    argument_bits = draw(st.integers(1, 60))
    bits = argument_bits + draw(st.integers(0, 120))
    return argument_bits, bits, draw(st.integers(0, 2 ** draw(st.integers(0, argument_bits + 9))))


@examples(150)
@given(exponentials())
def test_exponential_encloses_tightly(case: tuple[int, int, int]) -> None:
    argument_bits, bits, argument = case
    lower, upper = enclosure(argument, argument_bits, bits)
    with ctx.workprec(bits + 2048):
        true = arb(fmpq(-argument, 2**argument_bits)).exp() * 2**bits
        assert argument == 0 or (lower < true and true < upper)
    assert 0 <= lower <= 2**bits and 0 < upper
    if argument == 0:
        assert lower == upper == 2**bits
    # Each set bit of the argument costs little more than one unit of the result and two ends.
    assert upper - lower <= 4 * argument.bit_length() + 4


@examples(150)
@given(exponentials(), st.data())
def test_exponential_of_smaller_arguments(case: tuple[int, int, int], data: st.DataObject) -> None:
    """Each argument of an array has the same enclosure as by itself."""
    argument_bits, bits, largest = case
    arguments = [largest, data.draw(st.integers(0, largest)), 0]
    array = integer_array(arguments, (3, 1))
    for upper in (False, True):
        each = [[enclosure(argument, argument_bits, bits)[upper]] for argument in arguments]
        assert exponential(array, argument_bits, bits, upper) == each


@pytest.mark.parametrize("argument", [1, 12345, 2**48, 40 * 2**48, 700 * 2**48 + 1])
def test_exponential_has_a_small_relative_width(argument: int) -> None:
    """At the precisions of the shipped strategies, also where exp is 2**-1000."""
    lower, upper = enclosure(argument, 48, 48 + 64 + 1010)
    assert (upper - lower) << 48 <= lower


@examples(150)
@given(st.lists(entries, max_size=12))
def test_bound_and_integer_array(numbers: list[int]) -> None:
    array = integer_array(numbers, (len(numbers),))
    assert array.tolist() == numbers
    assert all(type(k) is int for k in array.tolist())
    largest = max(map(abs, numbers), default=0)
    assert bound(array) == largest
    assert array.dtype == (np.int64 if largest < ENTRY_LIMIT else object)


def test_integer_array_keeps_rows() -> None:
    assert integer_array([1, 2, 3, 2**90, 5, 6], (2, 3)).tolist() == [[1, 2, 3], [2**90, 5, 6]]


def test_bound_knows_the_least_integer_of_64_bits() -> None:
    """abs(-2**63) is negative in 64 bits."""
    assert bound(np.array([-(2**63), 5])) == 2**63


def arrays(size: int) -> st.SearchStrategy[list[int]]:
    one_size = st.one_of(st.integers(-(2**30), 2**30), st.integers(-(2**54), 2**54), entries)
    return one_size.flatmap(lambda k: st.lists(st.one_of(st.just(k), st.integers(-9, 9)), min_size=size, max_size=size))


@examples(150)
@given(arrays(3), arrays(6), st.integers(1, 200))
def test_product_down_is_the_floor(weight: list[int], gap: list[int], bits: int) -> None:
    """One weight for each row of gaps, however many axes there are before that of the classes."""
    weight = [abs(w) for w in weight]
    longest = max(map(abs, gap)).bit_length()
    for shape in ((3, 2), (1, 3, 2), (3, 1, 2)):
        array = integer_array(gap, shape)
        found = product_down((weight, weight), array, longest, bits, "rule", Meter())
        expected = [[floor(Fraction(w * g, 2**bits)) for g in gap[2 * i : 2 * i + 2]] for i, w in enumerate(weight)]
        assert found.shape == shape and found.reshape(3, 2).tolist() == expected


def test_product_down_at_the_limit_of_64_bits() -> None:
    """Products of 2**62 and more would still fit for a while; beyond 2**63 they would wrap around. What is long is
    priced by its words; a rough bound of the gaps is not the last word."""
    for weight, gap in ((2**31, 2**31), (2**31 - 1, 2**31), (2**54, 2**54), (2**54, -(2**54)), (0, 2**54), (2**90, 0)):
        for longest in (max(0, abs(gap).bit_length() - 3), 54):
            meter = Recorder()
            found = product_down(([weight], [weight]), integer_array([gap], (1, 1)), longest, 1, "rule", meter)
            assert found.tolist() == [[weight * gap // 2]]
            long = weight * max(1, abs(gap)) >= PRODUCT_LIMIT
            assert found.dtype == (object if long else np.int64)
            bits = weight.bit_length(), abs(gap).bit_length()
            assert meter.taken() == [("rule", 0, product_price(*bits))] * long


@examples(150)
@given(
    st.lists(st.tuples(entries, entries, entries, st.integers(0, 16)), min_size=1),
    st.integers(1, 99),
)
def test_product_down_of_an_interval(cases: list[tuple[int, int, int, int]], bits: int) -> None:
    """The bound holds for every weight of the interval, and is attained up to rounding."""
    low = [min(abs(a), abs(b)) for a, b, _, _ in cases]
    high = [max(abs(a), abs(b)) for a, b, _, _ in cases]
    gap = [g for _, _, g, _ in cases]
    array = integer_array(gap, (len(cases), 1))
    products = product_down((low, high), array, bound(array).bit_length(), bits, "rule", Meter())
    found = [k for [k] in products.tolist()]
    for k, a, b, g, (_, _, _, part) in zip(found, low, high, gap, cases, strict=True):
        weight = a + (b - a) * Fraction(part, 16)
        assert k <= weight * g / 2**bits
        assert k == floor(min(a * g, b * g) * Fraction(1, 2**bits))


@st.composite
def enclosed_tables(
    draw: st.DrawFn,
) -> tuple[list[list[int]], list[list[int]], int, int, list[int]]:
    outputs = draw(st.integers(1, 7))
    label = draw(st.integers(0, outputs - 1))
    rows = draw(st.integers(1, 4))
    number = draw(st.sampled_from([st.integers(-99, 99), st.integers(-(2**54), 2**54), entries]))
    lower = [draw(st.lists(number, min_size=outputs, max_size=outputs)) for _ in range(rows)]
    upper = [[k + draw(st.integers(0, 9)) for k in row] for row in lower]
    cuts = sorted({0, outputs, *draw(st.sets(st.integers(0, outputs)))})
    return lower, upper, label, draw(st.integers(1, rows)), cuts


@examples(150)
@given(enclosed_tables())
def test_class_gaps(case: tuple[list[list[int]], list[list[int]], int, int, list[int]]) -> None:
    lower, upper, label, rows, cuts = case
    shape = (len(lower), len(lower[0]))
    table = Fixed(
        integer_array([k for row in lower for k in row], shape),
        integer_array([k for row in upper for k in row], shape),
    )
    before = [side.tolist() for side in table]
    found = class_gaps(table, rows, label, tuple(cuts)).tolist()
    assert len(found) == rows
    for i, c in product(range(rows), range(len(cuts) - 1)):
        others = [upper[i][o] for o in range(cuts[c], cuts[c + 1]) if o != label]
        assert not others or found[i][c] == lower[i][label] - max(others)
    assert [side.tolist() for side in table] == before


# Counting, against every sequence one by one

terms = st.one_of(st.integers(-6, 6), st.integers(-6, 6), st.integers(-(2**66), 2**66))


@st.composite
def levels(
    draw: st.DrawFn,
) -> tuple[list[int], list[int], list[list[int]], list[int], int, int, int]:
    classes = draw(st.integers(1, 3))
    row = st.lists(draw(st.sampled_from([st.integers(-6, 6), terms])), min_size=classes, max_size=classes)
    bands = draw(st.lists(row.map(lambda ks: [min(k, 0) for k in ks]), max_size=4))
    sizes = draw(st.lists(st.integers(1, 3), min_size=len(bands), max_size=len(bands)))
    last, label = draw(row), draw(row)
    others = draw(st.integers(1, 4))
    labels = draw(st.integers(0, 1))
    # A margin that some sequence attains exactly, or misses by one.
    sequence = draw(st.lists(st.sampled_from([label, *bands]), min_size=others, max_size=others))
    attained = min(sum(column) for column in zip(last, *sequence, strict=True))
    return last, label, bands, sizes, others, labels, attained + draw(st.integers(-1, 1))


@examples(300)
@given(levels())
def test_count_levels(
    case: tuple[list[int], list[int], list[list[int]], list[int], int, int, int],
) -> None:
    last, label, bands, sizes, others, labels, margin = case
    tokens = [row for row, size in zip(bands, sizes, strict=True) for _ in range(size)]
    expected = sum(
        sequence.count(-1) >= labels
        and all(
            last[c] + sum(label[c] if t < 0 else tokens[t][c] for t in sequence) >= margin for c in range(len(last))
        )
        for sequence in product(range(-1, len(tokens)), repeat=others)
    )
    found = count_levels(LevelBounds(last, [*bands, label], [*sizes, 1]), others, labels, margin, Meter())
    assert found == expected


def test_count_levels_does_not_round_to_floats() -> None:
    """NumPy makes floats of a list that holds an integer above 2**63 and a negative one."""
    label = [2**63, -(2**60) - 101]
    for sum_of_terms in (-46, 0, 1):
        last = [0, sum_of_terms - 4 * label[1]]
        expected = 1 if sum_of_terms == 1 else 0
        assert count_levels(LevelBounds(last, [label], [1]), 4, 1, 1, Meter()) == expected


@st.composite
def boxes(draw: st.DrawFn) -> tuple[list[int], list[tuple[list[list[int]], list[int]]], int]:
    classes = draw(st.integers(1, 3))
    number = st.integers(-9, 9)
    base = draw(st.lists(number, min_size=classes, max_size=classes))
    box = []
    for _ in range(draw(st.integers(1, 4))):
        bands = draw(st.integers(1, 3))
        row = st.lists(number, min_size=bands, max_size=bands)
        sizes = draw(st.lists(st.integers(1, 4), min_size=bands, max_size=bands))
        box.append((draw(st.lists(row, min_size=classes, max_size=classes)), sizes))
    return base, box, draw(st.integers(-20, 20))


def passing(base: Sequence[int], box: Sequence[tuple[list[list[int]], list[int]]], margin: int) -> int:
    """The sequences of tokens that pass, every token of every band written out."""
    tokens = [
        [[row[b] for row in bounds] for b, size in enumerate(sizes) for _ in range(size)] for bounds, sizes in box
    ]
    return sum(
        all(sum(column) >= margin for column in zip(base, *sequence, strict=True)) for sequence in product(*tokens)
    )


@pytest.mark.parametrize("at_once", [1, 20, 2**20])
@examples(100)
@given(case=boxes(), scale=st.sampled_from([1, 2**80]))
def test_count_sums(
    at_once: int, case: tuple[list[int], list[tuple[list[list[int]], list[int]]], int], scale: int
) -> None:
    base, box, margin = case
    dtype = np.int64 if scale == 1 else object
    found = count_sums(
        np.array([k * scale for k in base], dtype=dtype),
        [
            Span(np.array([[k * scale for k in row] for row in bounds], dtype=dtype), np.array(sizes, dtype=dtype))
            for bounds, sizes in box
        ],
        margin * scale,
        at_once,
    )
    assert found == passing(base, box, margin) and type(found) is int
