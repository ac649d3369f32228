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
    rooting_price,
    shifting_price,
    table_values,
    tables_of,
)
from small_models import examples

from checker import meter as kernel
from checker.certificate import Factor, Table
from checker.errors import Declined, Rejected
from checker.meter import OBJECT_BITS, PYTHON, Meter, words
from checker.numbers.dyadic import Dyadic
from checker.numbers.matrices import Matrices
from checker.numbers.rounding import ENTRY_LIMIT, exponential, root
from checker.rules.exact import check_exact
from checker.rules.low_rank import check_low_rank, check_norm
from checker.rules.table_rule import Enclosure, TablePremises
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
    assert [operations for _, operations, _ in meter.taken()] == steps


def test_products_are_priced_by_the_words_of_both_factors() -> None:
    """A quarter of the product of their words for each operation, besides itself; and a part of a step for each entry
    of the result."""
    for left, right, long in ((1, 63, 0), (63, 63, 0), (64, 63, 0), (64, 64, 1), (128, 128, 2), (640, 640, 30)):
        meter = Recorder()
        rows = [[Fraction(2**left - 1), Fraction(1)]] * 3, [[Fraction(2**right - 1)] * 5] * 2
        Matrices("rule", meter).product(*map(dyadic, rows))
        assert meter.taken() == [("rule", 45, 45 * (1 + long) + 15 * PYTHON // 4)]
    meter = Recorder()
    Matrices("rule", meter, counted=False).product(*map(dyadic, rows))
    assert meter.taken() == [("rule", 0, 45 * 31 + 15 * PYTHON // 4)]


@examples(60)
@given(entries(3, 2), entries(3, 2), st.sampled_from([1, -1]))
def test_sums_and_differences(left: Matrix, right: Matrix, sign: int) -> None:
    meter = Recorder()
    assert entries_of(Matrices("rule", meter).sum(dyadic(left), dyadic(right), sign)) == added(left, right, sign)
    assert meter.taken() == [("rule", 6, 6 * PYTHON)]


def test_sums_are_priced_by_what_their_terms_are_multiplied_with() -> None:
    """So that both have one exponent: by the words of the integers and of the powers of two."""
    ones = dyadic(matrix([[1, 3]]))
    for bits, exponent, long in ((1, 0, 0), (64, 0, 0), (256, 0, 1), (256, 64, 2 + 0), (640, 640, 11 * 11 // 4)):
        meter = Recorder()
        left = Dyadic(dyadic([[Fraction(2**bits - 1), Fraction(0)]]).integers, exponent)
        Matrices("rule", meter).sum(left, ones)
        assert meter.taken() == [("rule", 2, 2 * (PYTHON + long))]


def test_sums_are_not_differences_by_default() -> None:
    one = dyadic(matrix([[1]]))
    assert entries_of(Matrices("rule", Recorder()).sum(one, one)) == [[2]]


@examples(60)
@given(entries(3, 2))
def test_norms_of_rows_are_rounded_up_to_48_bits(rows: Matrix) -> None:
    meter = Recorder()
    found = Matrices("rule", meter).norms(dyadic(rows))
    assert meter.taken() == [("rule", 2 * 6, 2 * 6 * PYTHON + 4 * (6 + 3))]
    assert (found.rows, found.columns, found.exponent) == (3, 1, -48)
    for row, norm in zip(rows, found.integers.table(), strict=True):
        square = ceil(sum(k * k for k in row) * 4**48)
        assert int(norm[0]) == isqrt(square - 1) + 1 if square else int(norm[0]) == 0


def test_norms_of_long_rows_cost_more() -> None:
    """By the squares of the words of an entry, and of the root of a row."""
    for bits, exponent, entry, norm in ((63, -48, 1, 1), (64, -48, 2, 2), (130, -60, 3, 3), (130, 16, 3, 4)):
        meter = Recorder()
        row = Dyadic(dyadic([[Fraction(2**bits - 1), Fraction(1)]]).integers, exponent)
        Matrices("rule", meter).norms(row)
        assert meter.taken() == [("rule", 4, 4 * PYTHON + 4 * (2 * entry**2 + norm**2))]


def test_room_is_words_or_bits_and_what_an_object_takes_besides() -> None:
    """For all that is held at a time: what is kept, and what has not been released."""
    most, long = kernel.MAX_TABLE_BITS, OBJECT_BITS + 56
    for numbers, bits in ((most // 64, 55), (most // 64, 0), (most // long, 56), (most // 2**20, 2**20 - OBJECT_BITS)):
        for keep in (False, True):
            Meter().hold("rule", numbers, bits, keep)
            message = message_of(lambda n=numbers, b=bits, k=keep: Meter().hold("rule", n + 1, b, k), Declined)
            assert message == f"rule: {numbers + 1} numbers of {bits} bits, limit max_table_bits = {5 * 2**30}"
    meter, half = Meter(), most // 128
    meter.hold("kept", half, 1, keep=True)
    meter.hold("passing", half, 1)
    assert "limit max_table_bits" in message_of(lambda: meter.hold("more", 1, 1), Declined)
    meter.release()
    meter.hold("passing", half - 1, 1)
    before = meter.passing
    meter.hold("passing", 1, 1)
    meter.release(before)
    meter.hold("passing", 1, 1)
    assert "limit max_table_bits" in message_of(lambda: meter.hold("more", 1, 1, keep=True), Declined)


@pytest.fixture
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table is too large."""
    monkeypatch.setattr(kernel, "MAX_TABLE_BITS", 63)


@pytest.mark.usefixtures("little_room")
def test_products_sums_and_norms_need_room() -> None:
    """For the bits that the result may have, of the sum of so many products or of terms once they are aligned; and for
    what is formed on the way."""
    matrices, wide, tall = Matrices("rule", Recorder()), dyadic(matrix([[7] * 3] * 2)), dyadic(matrix([[31] * 5] * 3))
    message = message_of(lambda: matrices.product(wide, tall), Declined)
    assert message == f"rule: {2 * 10 + 6 + 15} numbers of {3 + 5 + 2} bits, limit max_table_bits = 63"
    eighths = Dyadic(wide.integers, -3)
    message = message_of(lambda: matrices.sum(wide, eighths), Declined)
    assert message == "rule: 18 numbers of 7 bits, limit max_table_bits = 63"
    message = message_of(lambda: matrices.sum(eighths, Dyadic(wide.integers, 2)), Declined)
    assert message == "rule: 18 numbers of 9 bits, limit max_table_bits = 63"
    message = message_of(lambda: matrices.norms(wide), Declined)
    assert message == "rule: 6 numbers of 3 bits, limit max_table_bits = 63"


# Rules


@examples(40)
@given(chains())
def test_rule_exact_is_the_product(chain: list[Matrix]) -> None:
    meter = Recorder()
    lower, upper = check_exact(TablePremises("QK", list(map(dyadic, chain)), (), meter))
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
    return check_low_rank(TablePremises("QK", list(map(dyadic, path)), tuple(told), meter))


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
    factors = (Factor(1, None, None), Factor(1, None, (small, zero)), Factor(1, None, None))
    premises = TablePremises("OV", [one, one, one], factors, Recorder())
    message = message_of(lambda: check_low_rank(premises), Rejected)
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
    for bits in (1, 63, 64, 128):
        long = dyadic(matrix([[2**bits - 1, 0, 0], *zeros]))
        for remainder, helper in ((dyadic(matrix([[1, 1], [0, 1], [1, 0]])), long), (long, dyadic(matrix([[1]] * 3)))):
            meter = Recorder()
            check_norm("here", remainder, ample, helper, Matrices("rule", meter))
            operations = 3 * 4 * (remainder.columns + helper.columns) + 3 * 3 + 1
            first, *others = meter.taken()
            assert first == ("rule", operations, 3 * 9 * PYTHON)
            # Two products, two sums, and what is read of the result, as long as it is.
            assert [count for _, count, _ in others] == [0] * 5
            assert others[-1][2] == 9 * 8 * words(2 * max(bits, 201) - 1)


@pytest.mark.usefixtures("little_room")
def test_norms_need_room() -> None:
    one, zero = dyadic(matrix([[1, 0], [0, 1]])), dyadic(matrix([[0, 0], [0, 0]]))
    message = message_of(lambda: check_norm("here", one, one, zero, Matrices("rule", Recorder())), Declined)
    assert message == "rule: 16 numbers of 4 bits, limit max_table_bits = 63"


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
            expected.append(("round", 0, shifting_price(size, bits)))
        assert meter.taken() == expected
        known.fixed(90)
        assert meter.taken() == []


def test_tables_of_every_precision_are_kept() -> None:
    """EU, OV and OV positions with both ends, and room for three labels' gaps, which only longer ones need anew."""
    meter = Recorder()
    known = tables_of(UNEVEN, meter)
    entries, before = 20 + 20 + 15, meter.kept
    for bits, gaps in ((7, 3), (8, 3), (6, 0)):
        known.fixed(bits)
        assert meter.kept - before == (2 + gaps) * entries * 64
        before = meter.kept
    assert meter.passing == 0
    known.fixed(90)
    assert meter.kept - before > 5 * entries * OBJECT_BITS
    for bits in (7, 90):
        longest = max(abs(int(k)) for table in known.fixed(bits) for end in table for k in end.ravel())
        assert known.longest[bits] == longest.bit_length()


def test_enclosed_tables_are_kept() -> None:
    """Once where both ends are the same; what was formed on the way is not."""
    meter = Recorder()
    known = tables_of(UNEVEN, meter)
    assert meter.passing == 0 and meter.kept == (12 + 15 + 16 + 20 + 20) * 64
    rough = Recorder()
    tables_of(UNEVEN, rough, (PLAIN, PLAIN, NO_HINTS[2]))
    eu = known.enclosures["EU"][0]
    assert rough.passing == 0 and rough.kept - meter.kept >= eu.rows * eu.columns * 64


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
            [root(list(map(int, row)), side.exponent + 20, 2)[end] for row in side.integers.table()]
            for end, side in enumerate((lower, upper))
        )
        below = np.array([[max(tops) - k for k in row] for row, tops in zip(low, high, strict=True)], dtype=object)
        above = np.array([[max(row) - k for k in row] for row in high], dtype=object)
        assert enclosed[0] == exponential(below, 20, 240, upper=False)
        assert enclosed[1] == exponential(above, 20, 240, upper=True)
        bits = max(lower.bits, upper.bits) + max(0, lower.exponent + 20)
        ends = 2 if name == "QK" and tables is NO_HINTS else 1
        expected = [("round", 0, rooting_price(size, bits))]
        longest = 1 + max(abs(k) for side in (low, high) for row in side for k in row).bit_length()
        factors = int(below.max()).bit_length()
        price = exponential_price(size, factors, 240 + 16 - 20 + factors, 240, longest)
        expected.append(("exponential", ends * size, price))
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
    meter = known.meter
    monkeypatch.setattr(kernel, "MAX_TABLE_BITS", 16 * 4096 - 1)
    meter.kept = 0
    message = message_of(lambda: known.weights, Declined)
    assert message == f"exponential: 32 numbers of 4096 bits, limit max_table_bits = {16 * 4096 - 1}"


def test_exponentials_stop_at_those_that_are_zero() -> None:
    """However long the arguments are, they have no more factors than are above zero, and are kept at their length."""
    model = {**UNEVEN, "W_Q": [[k * 2**900 for k in row] for row in UNEVEN["W_Q"]]}
    meter = Recorder()
    known = tables_of(model, meter)
    meter.taken()
    before = meter.kept
    assert known.weights
    prices = [price for rule, _, price in meter.taken() if rule == "exponential"]
    for size, price in zip((16, 12), prices, strict=True):
        table = known.enclosures["QK" if size == 16 else "QK positions"][0]
        longest = [n for n in range(900, 1000) if price == exponential_price(size, 28, 64 + 16 - 20 + 28, 64, n)]
        assert longest and abs(longest[0] - (table.bits + table.exponent + 20)) < 64
    assert meter.passing == 0 and meter.kept - before == 2 * (16 + 12) * (OBJECT_BITS + 64)
