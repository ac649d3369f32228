"""The rules about tables, each by itself: what they conclude, what they refuse, and what they count."""

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from math import ceil, floor, isqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import (
    UNEVEN,
    Recorder,
    added,
    exponential_price,
    multiplied,
    rounding_price,
    table_values,
    tables_of,
)
from small_models import examples

from checker import tables as kernel
from checker.arithmetic import ENTRY_LIMIT, exponential, root_down, root_up
from checker.certificate import Factor, Table
from checker.errors import Declined, Rejected
from checker.meter import PYTHON
from checker.model import Dyadic
from checker.tables import Enclosure, Matrices, check_exact, check_low_rank, check_norm, require_room
from fuzzing.certificates import dyadic, entries_of
from fuzzing.models import Model, matrix, max_model
from fuzzing.oracle import Matrix

PLAIN = ()


def entries(rows: int, columns: int) -> st.SearchStrategy[Matrix]:
    number = st.integers(-20, 20).flatmap(lambda k: st.sampled_from([Fraction(k), Fraction(k, 8), Fraction(4 * k)]))
    row = st.lists(number, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows)


@st.composite
def chains(draw: st.DrawFn, least: int = 1) -> list[Matrix]:
    sizes = draw(st.lists(st.integers(1, 4), min_size=least + 1, max_size=6))
    return [draw(entries(*shape)) for shape in zip(sizes, sizes[1:], strict=False)]


def message_of(action: Callable[[], object], error: type[Exception]) -> str:
    with pytest.raises(error) as caught:
        action()
    return str(caught.value)


# Matrices


@examples(60)
@given(chains())
def test_a_chain_of_matrices_is_their_product(chain: list[Matrix]) -> None:
    assert entries_of(Matrices("rule", Recorder()).product(*map(dyadic, chain))) == multiplied(*chain)


@pytest.mark.parametrize(
    ("sizes", "steps"),
    [
        ((2, 3), []),
        ((2, 3, 4), [2 * 4 * 5]),
        # The cheapest neighbours first: the last two, then what is left.
        ((9, 2, 7, 1), [2 * 1 * 13, 9 * 1 * 3]),
        ((1, 7, 2, 9), [1 * 2 * 13, 1 * 9 * 3]),
        ((8, 3, 2, 3, 8), [3 * 3 * 3, 8 * 3 * 5, 8 * 8 * 5]),
    ],
)
def test_the_operations_of_a_chain(sizes: tuple[int, ...], steps: list[int]) -> None:
    meter = Recorder()
    ones = [dyadic([[Fraction(1)] * columns] * rows) for rows, columns in zip(sizes, sizes[1:], strict=False)]
    Matrices("rule", meter).product(*ones)
    assert meter.taken() == [("rule", count, count) for count in steps]


def test_products_of_long_integers_cost_more() -> None:
    """One more for every 128 bits of both factors together."""
    for left, right, price in ((64, 63, 1), (64, 64, 2), (128, 127, 2), (128, 128, 3)):
        meter = Recorder()
        Matrices("rule", meter).product(*(dyadic([[Fraction(2**bits - 1)]]) for bits in (left, right)))
        assert meter.taken() == [("rule", 1, price)]


@examples(60)
@given(entries(3, 2), entries(3, 2), st.sampled_from([1, -1]))
def test_sums_and_differences(left: Matrix, right: Matrix, sign: int) -> None:
    meter = Recorder()
    assert entries_of(Matrices("rule", meter).sum(dyadic(left), dyadic(right), sign)) == added(left, right, sign)
    assert meter.taken() == [("rule", 6, 6 * PYTHON)]


def test_sums_are_not_differences_by_default() -> None:
    one = dyadic(matrix([[1]]))
    assert entries_of(Matrices("rule", Recorder()).sum(one, one)) == [[2]]


@examples(60)
@given(entries(3, 2))
def test_norms_of_rows_are_rounded_up_to_48_bits(rows: Matrix) -> None:
    meter = Recorder()
    found = Matrices("rule", meter).norms(dyadic(rows))
    assert meter.taken() == [("rule", 2 * 6, 2 * 6 * PYTHON)]
    assert (found.rows, found.columns, found.exponent) == (3, 1, -48)
    for row, norm in zip(rows, found.integers.table(), strict=True):
        square = ceil(sum(k * k for k in row) * 4**48)
        assert int(norm[0]) == isqrt(square - 1) + 1 if square else int(norm[0]) == 0


def test_room_is_words_times_bits() -> None:
    require_room("rule", 2**22, 64)
    require_room("rule", 2**22, 0)
    require_room("rule", 2**18, 2**10)
    for numbers, bits in ((2**22 + 1, 64), (2**22 + 1, 1), (2**22, 65), (2**18, 2**10 + 1)):
        message = message_of(lambda n=numbers, b=bits: require_room("rule", n, b), Declined)
        assert message == f"rule: {numbers} numbers of {bits} bits, limit max_table_bits = {2**28}"


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table is too large."""
    monkeypatch.setattr(kernel, "MAX_TABLE_BITS", 63)


@pytest.mark.usefixtures("little_room")
def test_products_and_sums_need_room() -> None:
    """For the bits that the result may have: those of both factors, or of both terms once they are aligned."""
    matrices, wide, tall = Matrices("rule", Recorder()), dyadic(matrix([[7] * 3] * 2)), dyadic(matrix([[31] * 5] * 3))
    message = message_of(lambda: matrices.product(wide, tall), Declined)
    assert message == "rule: 10 numbers of 8 bits, limit max_table_bits = 63"
    eighths = Dyadic(wide.integers, -3)
    message = message_of(lambda: matrices.sum(wide, eighths), Declined)
    assert message == "rule: 6 numbers of 9 bits, limit max_table_bits = 63"
    message = message_of(lambda: matrices.sum(eighths, Dyadic(wide.integers, 2)), Declined)
    assert message == "rule: 6 numbers of 11 bits, limit max_table_bits = 63"


# Rules


@examples(40)
@given(chains())
def test_rule_exact_is_the_product(chain: list[Matrix]) -> None:
    meter = Recorder()
    lower, upper = check_exact(list(map(dyadic, chain)), meter)
    assert entries_of(lower) == entries_of(upper) == multiplied(*chain)
    assert {rule for rule, _, _ in meter.taken()} <= {"exact"}


def dominated(rows: Matrix) -> Matrix:
    """An operator norm that needs no help to be confirmed: the sum of all absolute values."""
    return [[sum((abs(k) for row in rows for k in row), Fraction(0))]]


@st.composite
def low_rank(draw: st.DrawFn) -> tuple[list[Matrix], list[tuple[int, tuple[Matrix, Matrix] | None]]]:
    """A path, and how it is cut: for each factor its matrices and its hint."""
    path = draw(chains(least=2))
    cuts = draw(st.sets(st.integers(1, len(path) - 1), min_size=1))
    ends = [0, *sorted(cuts), len(path)]
    factors = []
    for a, b in zip(ends, ends[1:], strict=False):
        rows, columns = len(path[a]), len(path[b - 1][0])
        rank = draw(st.integers(0, min(rows, columns)))
        factors.append((b - a, (draw(entries(rows, rank)), draw(entries(rank, columns))) if rank else None))
    return path, factors


def remainders_of(path: list[Matrix], factors: list[tuple[int, tuple[Matrix, Matrix] | None]]) -> list[Matrix]:
    rest, result = list(path), []
    for count, hint in factors:
        whole = multiplied(*rest[:count])
        result.append(added(whole, multiplied(*hint), -1) if hint else whole)
        rest = rest[count:]
    return result


def checked_low_rank(
    path: list[Matrix], factors: list[tuple[int, tuple[Matrix, Matrix] | None]], meter: Recorder
) -> Enclosure:
    """By the kernel, with norms that are ample."""
    remainders, told = remainders_of(path, factors), []
    for i, (count, hint) in enumerate(factors):
        norm = None
        if 0 < i < len(factors) - 1:
            size = len(remainders[i])
            norm = dyadic(dominated(remainders[i])), dyadic(matrix([[0] * size] * size))
        told.append(Factor(count, (dyadic(hint[0]), dyadic(hint[1])) if hint else None, norm))
    return check_low_rank("QK", list(map(dyadic, path)), told, meter)


@examples(40)
@given(low_rank())
def test_rule_low_rank_is_the_sum_and_its_bound(
    case: tuple[list[Matrix], list[tuple[int, tuple[Matrix, Matrix] | None]]],
) -> None:
    """The table is enclosed; the enclosure is centred at the sum of the thin products, and its radius is the
    product of the norms, rounded up."""
    path, factors = case
    table, remainders = multiplied(*path), remainders_of(path, factors)
    meter = Recorder()
    lower, upper = map(entries_of, checked_low_rank(path, factors, meter))
    assert {rule for rule, _, _ in meter.taken()} == {"low_rank"}
    rest = multiplied(*remainders)
    rows = [sum(k * k for k in row) for row in remainders[0]]
    columns = [sum(k * k for k in column) for column in zip(*remainders[-1], strict=True)]
    between = Fraction(1)
    for remainder in remainders[1:-1]:
        between *= dominated(remainder)[0][0]
    for a, b in product(range(len(table)), range(len(table[0]))):
        assert lower[a][b] <= table[a][b] <= upper[a][b]
        # The sum of thin products is what the product of all remainders leaves of the table.
        assert (lower[a][b] + upper[a][b]) / 2 == table[a][b] - rest[a][b]
        radius, least = (upper[a][b] - lower[a][b]) / 2, rows[a] * columns[b] * between**2
        assert radius**2 >= least and (radius * (1 - Fraction(1, 2**30))) ** 2 <= least + Fraction(1, 2**30)


def test_where_a_norm_fails_is_named() -> None:
    """The table, the factor counted from 1, and the row counted from 0."""
    one = dyadic(matrix([[1, 0], [0, 1]]))
    small, zero = dyadic(matrix([[Fraction(1, 2)]])), dyadic(matrix([[0, 0], [0, 0]]))
    factors = [Factor(1, None, None), Factor(1, None, (small, zero)), Factor(1, None, None)]
    message = message_of(lambda: check_low_rank("OV", [one, one, one], factors, Recorder()), Rejected)
    assert message == (
        "table OV factor 2: low_rank: expected a norm that its hint confirms, "
        "found row 0 of s**2 I - R R^T - C C^T not diagonally dominant"
    )


@pytest.mark.parametrize(
    ("rows", "bound", "root", "failing"),
    [
        # s**2 I - R R^T is zero: just enough.
        ([[3, 0], [0, 3]], 3, [[0, 0], [0, 0]], None),
        ([[3, 0], [0, 3]], 3, [[0, 0], [0, Fraction(1, 8)]], 1),
        ([[3, 0], [0, 3]], Fraction(47, 16), [[0, 0], [0, 0]], 0),
        # The diagonal is as large as the rest of its row: dominant; a little larger a rest is not.
        ([[1, 1], [1, 1]], 2, [[0, 0], [0, 0]], None),
        ([[1, 1], [1, Fraction(9, 8)]], 2, [[0, 0], [0, 0]], 0),
        ([[1, 0], [0, 2]], 2, [[0, 0], [0, 0]], None),
        ([[1, 0], [0, 2]], Fraction(3, 2), [[0, 0], [0, 0]], 1),
        # C helps: s**2 I - C C^T is closer to R R^T, and off the diagonal nothing is left.
        ([[1, 1], [1, 1]], Fraction(9, 4), [[1, -1], [-1, 1]], None),
        ([[1, 1], [1, 1]], Fraction(9, 4), [[1, 1], [1, 1]], 0),
        # A negative claim is false, whatever its square is.
        ([[1, 0], [0, 1]], -2, [[0, 0], [0, 0]], 0),
        ([[0, 0], [0, 0]], 0, [[0, 0], [0, 0]], None),
        ([[0, 0], [0, 0]], -1, [[0, 0], [0, 0]], 0),
    ],
)
def test_norms_are_confirmed_by_diagonal_dominance(
    rows: list[list[int]], bound: Fraction, root: list[list[int]], failing: int | None
) -> None:
    claim = dyadic(matrix([[bound]])), dyadic(matrix(root))
    matrices = Matrices("low_rank", Recorder())
    if failing is None:
        check_norm("here", dyadic(matrix(rows)), *claim, matrices)
    else:
        message = message_of(lambda: check_norm("here", dyadic(matrix(rows)), *claim, matrices), Rejected)
        found = f"found row {failing} of s**2 I - R R^T - C C^T not diagonally dominant"
        assert message == f"here: low_rank: expected a norm that its hint confirms, {found}"


def test_a_norm_counts_half_of_two_symmetric_products() -> None:
    """Whatever is formed to confirm it is not counted again."""
    ample, zeros = dyadic(matrix([[2**200]])), [[0] * 3] * 2
    for bits, words in ((1, 1), (63, 1), (64, 2), (128, 3)):
        long = dyadic(matrix([[2**bits - 1, 0, 0], *zeros]))
        for remainder, helper in ((dyadic(matrix([[1, 1], [0, 1], [1, 0]])), long), (long, dyadic(matrix([[1]] * 3)))):
            meter = Recorder()
            check_norm("here", remainder, ample, helper, Matrices("rule", meter))
            operations = 3 * 4 * (remainder.columns + helper.columns) + 3 * 3 + 1
            assert meter.taken() == [("rule", operations, operations * words + 9 * PYTHON)]


@pytest.mark.usefixtures("little_room")
def test_norms_need_room() -> None:
    one, zero = dyadic(matrix([[1, 0], [0, 1]])), dyadic(matrix([[0, 0], [0, 0]]))
    message = message_of(lambda: check_norm("here", one, one, zero, Matrices("rule", Recorder())), Declined)
    assert message == "rule: 4 numbers of 2 bits, limit max_table_bits = 63"


# All tables of a model

# Each table of low rank, without hints: everything is in the bound.
NO_HINTS = tuple((Factor(1, None, None), Factor(count, None, None)) for count in (3, 3, 1))


def test_exact_tables_are_those_of_the_model() -> None:
    found = tables_of(UNEVEN, Recorder()).enclosures
    for name, values in table_values(UNEVEN).items():
        assert [entries_of(side) for side in found[name]] == [values, values]


def test_each_table_is_enclosed_as_the_certificate_says() -> None:
    """Tables of low rank stand in the place of that table, and no other."""
    names = ("QK", "OV", "EU")
    for i, name in enumerate(names):
        how = tuple(NO_HINTS[i] if j == i else PLAIN for j in range(3))
        tables = tables_of(UNEVEN, Recorder(), how)
        for other, values in table_values(UNEVEN).items():
            lower, upper = map(entries_of, tables.enclosures[other])
            if other == name:
                for row, low, high in zip(values, lower, upper, strict=True):
                    assert all(a == -b and a < k < b for a, k, b in zip(low, row, high, strict=True))
            else:
                assert lower == upper == values
        # Only the token's part of the weights has two ends of its own.
        assert tables.ends == (2 if name == "QK" else 1)


@pytest.mark.parametrize("name", ["QK", "OV"])
def test_the_table_of_a_norm_that_fails_is_named(name: str) -> None:
    size = {"QK": 3, "OV": 2}[name]
    norm = dyadic(matrix([[0]])), dyadic(matrix([[0] * size] * size))
    counts = (1, 1, 2) if name == "QK" else (2, 1, 1)
    cut = tuple(Factor(count, None, norm if i == 1 else None) for i, count in enumerate(counts))
    how = tuple(cut if other == name else PLAIN for other in ("QK", "OV", "EU"))
    message = message_of(lambda: tables_of(UNEVEN, Recorder(), how), Rejected)
    assert message.startswith(f"table {name} factor 2: low_rank: expected a norm that its hint confirms")


def test_what_tables_count() -> None:
    """The rows of the queries, then the tables of the positions, then QK, OV and EU, the cheapest neighbours
    of each path first; vocabulary 4, outputs 5, positions 3, width 3, head width 2."""
    meter = Recorder()
    tables_of(UNEVEN, meter)
    embedding, *products = meter.taken()
    assert embedding == ("embedding", 4 * 3, 4 * 3 * PYTHON)
    assert {rule for rule, _, _ in products} == {"exact"}
    assert [operations for _, operations, _ in products] == [
        *(3 * 3 * 3, 3 * 3 * 5, 4 * 3 * 5),  # QK positions
        *(3 * 3 * 3, 3 * 3 * 5, 3 * 5 * 5),  # OV positions
        *(3 * 3 * 3, 4 * 3 * 5, 4 * 4 * 5),  # QK
        *(3 * 3 * 3, 4 * 3 * 5, 4 * 5 * 5),  # OV
        4 * 5 * 5,  # EU
    ]


@pytest.mark.parametrize("bits", [1, 7, 60])
@pytest.mark.parametrize("tables", [(PLAIN,) * 3, NO_HINTS])
def test_tables_are_rounded_outward(bits: int, tables: tuple[Table, ...]) -> None:
    """Down at the lower end and up at the upper one."""
    known = tables_of(UNEVEN, Recorder(), tables)
    for name, (lower, upper) in zip(("EU", "OV", "OV positions"), known.fixed(bits), strict=True):
        exact = [entries_of(side) for side in known.enclosures[name]]
        assert lower.tolist() == [[floor(k * 2**bits) for k in row] for row in exact[0]]
        assert upper.tolist() == [[ceil(k * 2**bits) for k in row] for row in exact[1]]
        largest = max(abs(int(k)) for side in (lower, upper) for k in side.ravel())
        assert lower.dtype == (np.int64 if largest < ENTRY_LIMIT else object)


def scaled_up(model: Model, scale: Fraction) -> Model:
    """The model with W_U times `scale`."""
    return {**model, "W_U": [[k * scale for k in row] for row in model["W_U"]]}


def test_rounding_is_priced_by_the_longest_number() -> None:
    """Twice a step for each entry, and more with the square of its bits: those of the integers, and those that
    are shifted in."""
    for scale in (Fraction(1), Fraction(2**100), Fraction(2**2100), Fraction(1, 2**30)):
        meter = Recorder()
        known = tables_of(scaled_up(UNEVEN, scale), meter)
        meter.taken()
        known.fixed(90)
        expected = []
        for name, size in (("EU", 20), ("OV", 20), ("OV positions", 15)):
            table = known.enclosures[name][0]
            bits = table.bits + max(0, table.exponent + 90)
            expected.append(("round", 0, rounding_price(size, bits)))
        assert meter.taken() == expected
        known.fixed(90)
        assert meter.taken() == []


def test_rounding_needs_room_for_every_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of several precisions are kept at the same time."""
    known = tables_of(UNEVEN, Recorder())
    monkeypatch.setattr(kernel, "MAX_TABLE_BITS", 20 * 64)
    known.fixed(7)
    message = message_of(lambda: known.fixed(8), Declined)
    eu = known.enclosures["EU"][0]
    assert message == f"round: 40 numbers of {eu.bits + eu.exponent + 8} bits, limit max_table_bits = {20 * 64}"


@pytest.mark.parametrize("tables", [(PLAIN,) * 3, NO_HINTS])
def test_weights_are_exponentials_of_rounded_scores(tables: tuple[Table, ...]) -> None:
    """Of each row's scores less the largest of its upper ends, so that none is above one."""
    meter = Recorder()
    known = tables_of(UNEVEN, meter, tables, exponential_bits=240)
    meter.taken()
    found = known.weights
    calls = meter.taken()
    assert calls[0] == ("scores", 3 * 2 + 1, 0)
    for name, enclosed, size in zip(("QK", "QK positions"), found, (16, 12), strict=True):
        lower, upper = known.enclosures[name]
        low, high = (
            [[rounded(int(k), side.exponent + 20, 2) for k in row] for row in side.integers.table()]
            for side, rounded in ((lower, root_down), (upper, root_up))
        )
        below = np.array([[max(tops) - k for k in row] for row, tops in zip(low, high, strict=True)], dtype=object)
        above = np.array([[max(row) - k for k in row] for row in high], dtype=object)
        assert enclosed[0] == exponential(below, 20, 240, upper=False)
        assert enclosed[1] == exponential(above, 20, 240, upper=True)
        bits = max(lower.bits, upper.bits) + max(0, lower.exponent + 20)
        ends = 2 if name == "QK" and tables is NO_HINTS else 1
        expected = [("round", 0, rounding_price(size, bits))]
        expected.append(("exponential", ends * size, exponential_price(size, int(below.max()).bit_length(), 240)))
        place = 1 if name == "QK" else 3
        assert calls[place : place + 2] == expected
    assert known.weights is found and meter.taken() == []


def test_scores_are_scaled_once() -> None:
    """W_Q by one root, whatever its sizes."""
    for positions, vocabulary in ((2, 3), (2, 4)):
        meter = Recorder()
        known = tables_of(max_model(positions, vocabulary), meter)
        meter.taken()
        assert known.weights and meter.taken()[0] == ("scores", vocabulary * vocabulary + 1, 0)


def test_exponentials_need_room(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tables_of(UNEVEN, Recorder(), exponential_bits=4096)
    monkeypatch.setattr(kernel, "MAX_TABLE_BITS", 16 * 4096 - 1)
    message = message_of(lambda: known.weights, Declined)
    assert message == f"exponential: 16 numbers of 4096 bits, limit max_table_bits = {16 * 4096 - 1}"
