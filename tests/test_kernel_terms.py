"""Bounds of terms, and the checks of a group, each by itself: what they are, refuse and count."""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise, product
from math import comb, prod
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording import (
    UNEVEN,
    Recorder,
    band_weights_price,
    counting_price,
    interval_price,
    sums_price,
    terms_of,
    token_weights_price,
)
from small_models import examples

from checker import counting, groups
from checker.certificate import Factor, Group, Table, group_size
from checker.counting import count_levels
from checker.errors import Declined, Rejected
from checker.groups import certified_inputs
from checker.meter import PYTHON, Meter, product_price, words
from checker.models.tables import Weights, WeightTable
from checker.models.terms import Terms, product_down
from checker.rules import enumerate as kernel
from checker.rules.enumerate import check_enumerate, position_bounds
from checker.rules.group_rule import Conclusion, Premises, band_cuts, last_term
from checker.rules.levels import level_bounds
from checker.rules.registry import group_rule
from fuzzing.certificates import EXACT_TABLES, each_token, step
from fuzzing.models import max_model

BITS = 12
PARTITION = (0, 1, 3, 5)
# QK of low rank without hints, so that the ends of a weight are far apart.
ROUGH = ((Factor(1, None, None), Factor(3, None, None)), (), ())


def terms(meter: Meter, tables: tuple[Table, ...] = EXACT_TABLES, sign: int = 1) -> Terms:
    """Of the uneven model, or the one with opposite logits; its tables are formed, and what they count is
    forgotten."""
    model = {**UNEVEN, "W_U": [[sign * k for k in row] for row in UNEVEN["W_U"]]}
    found = terms_of(model, meter, [PARTITION, (0, 5)], tables)
    if isinstance(meter, Recorder):
        meter.taken()
    return found


def ceiling(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


# Gaps


@pytest.mark.parametrize("label", range(4))
@pytest.mark.parametrize("classes", [[0], [1, 2], [0, 1, 2]])
def test_gaps_are_of_the_label_and_its_classes(label: int, classes: list[int]) -> None:
    found = terms(Meter())
    tables = found.tables.fixed(BITS)
    for i, (gap, (lower, upper)) in enumerate(zip(found.gaps(label, BITS, 0, classes), tables, strict=True)):
        rows = len(lower) if i == 2 else label + 1
        assert gap.shape == (rows, len(classes))
        for row, (place, c) in product(range(rows), enumerate(classes)):
            others = [upper[row][o] for o in range(PARTITION[c], PARTITION[c + 1]) if o != label]
            # A class of the label alone has no gap that counts.
            assert not others or gap[row][place] == lower[row][label] - max(others)


def test_gaps_count_each_class_and_each_label_of_it_once() -> None:
    """The extrema of a class of w outputs in all rows; and the differences of a class and a label."""
    meter = Recorder()
    found = terms(meter)

    def counted(label: int, classes: list[int], partition: int = 0) -> list[int]:
        found.gaps(label, BITS, partition, classes)
        return [operations for rule, operations, _ in meter.taken() if rule == "gaps" and operations]

    rows = 2 * 4 + 3
    # Classes of two outputs: the larger one, and the other if it is the label.
    assert counted(1, [1, 2]) == [rows * 2 * 1, 2 * (3 * 1 + 2 * 3)]
    assert counted(1, [1, 2]) == []
    assert counted(2, [2]) == [3 * 2 + 2 * 3]
    # A class of one output needs no comparison.
    assert counted(1, [0]) == [3 * 1 + 2 * 3]
    # Of five: the largest in four, the second in three more. A class of no new outputs is shared by partitions.
    assert counted(1, [0], 1) == [rows * 7, 3 * 1 + 2 * 3]


def test_the_price_of_gaps_is_that_of_their_arrays() -> None:
    """Of both ends of all outputs in the rows up to the label, more for long integers, and once for a label; and a
    step for each class."""
    meter = Recorder()
    found = terms(meter)
    for bits in (BITS, 60, 400):
        for label in (2, 1):
            found.gaps(label, bits, 0, [1])
            longest = found.tables.longest[bits]
            assert bits <= longest < bits + 16
            prices = [price for rule, _, price in meter.taken() if rule == "gaps" and price]
            word = 16 + words(longest) if bits > BITS else 1
            assert prices == [PYTHON, 5 * (label + 1 + 3) * 5 * word]
            found.gaps(label, bits, 0, [1, 2])
            assert [price for _, _, price in meter.taken() if price] == [2 * PYTHON]


def test_sums_of_gaps_are_priced_by_their_words() -> None:
    """Where they are longer than a word; and they are held."""
    meter = Recorder()
    found = terms(meter)
    for bits in (BITS, 60, 400):
        found.gaps(2, bits, 0, [1])
        longest, before = found.tables.longest[bits], meter.passing
        assert found.long_gaps("rule", bits, 10) == (10 * (64 + 4 * words(longest)) if bits > BITS else 0)
        assert meter.passing - before == 20 * (64 if bits == BITS else longest + 320)


def test_the_classes_of_the_latest_label_are_remembered() -> None:
    """Which the meter has room for."""
    meter = Recorder()
    found = terms(meter)
    found.gaps(1, BITS, 0, [0, 1])
    before = meter.kept
    found.gaps(1, BITS, 0, [0, 1])
    found.gaps(2, BITS, 0, [1])
    assert meter.kept == before
    found.gaps(2, BITS, 0, [1, 2])
    assert meter.kept == before + 2 * (512 + 320)


# Weights


@pytest.mark.parametrize("tables", [EXACT_TABLES, ROUGH])
def test_weights_of_bands_are_upper_bounds(tables: tuple[Table, ...]) -> None:
    """The largest of the band over the label's least, rounded up; and what the label's is at least, at the
    position where it weighs least over that where it weighs most, rounded down."""
    found = terms(Meter(), tables)
    (low, high), (position_low, position_high) = found.tables.weights
    for query, label, cuts in ((0, 3, [0, 1, 3]), (1, 1, [0, 1]), (2, 3, [0, 2]), (3, 3, [0, 1, 2, 3]), (0, 0, [0])):
        bands, own = found.level_weights(range(query, query + 1), label, cuts, BITS)
        assert bands == [ceiling(max(high[query][a:b]) << BITS, low[query][label]) for a, b in pairwise(cuts)]
        assert own == (min(position_low[query][:2]) << BITS) // max(position_high[query][:2])


def test_weights_of_bands_hold_for_every_query() -> None:
    """The largest of the bands', and the least of the label's."""
    found = terms(Meter(), ROUGH)
    each = [found.level_weights(range(q, q + 1), 3, [0, 1, 3], BITS) for q in range(3)]
    bands = [max(column) for column in zip(*(bands for bands, _ in each), strict=True)]
    assert found.level_weights(range(3), 3, [0, 1, 3], BITS) == (bands, min(own for _, own in each))


@pytest.mark.parametrize("tables", [EXACT_TABLES, ROUGH])
def test_weights_of_tokens_at_positions_have_two_ends(tables: tuple[Table, ...]) -> None:
    found = terms(Meter(), tables)
    (low, high), (position_low, position_high) = found.tables.weights
    for q, position, bits in product((0, 3, 2), (0, 1, -1), (BITS, 54, 300)):
        tokens = (1, 2, 2)
        lower, upper = found.token_weights(3, q, tokens, position, bits)
        least = low[q][3] * max(position_low[q][:2])
        most = high[q][3] * max(position_high[q][:2])
        assert lower == [(low[q][t] * position_low[q][position] << bits) // most for t in tokens]
        assert upper == [ceiling(high[q][t] * position_high[q][position] << bits, least) for t in tokens]


def test_what_weights_count() -> None:
    """Once for a query of `levels`; for each token and position else, twice where QK is of low rank."""
    for tables, ends in ((EXACT_TABLES, 1), (ROUGH, 2)):
        meter = Recorder()
        found = terms(meter, tables)

        def counted(meter: Recorder = meter) -> list[tuple[int, int]]:
            return [(operations, price) for rule, operations, price in meter.taken() if rule == "weights"]

        once, exponential_bits = 4 + 2 * 3 - 3, 64
        found.level_weights(range(1, 2), 2, [0, 1, 2], BITS)
        assert counted() == [(once, band_weights_price(1, [0, 1, 2], exponential_bits + BITS))]
        found.level_weights(range(1, 2), 3, [0, 3], BITS)
        assert counted() == [(0, band_weights_price(1, [0, 3], exponential_bits + BITS))]
        found.level_weights(range(3), 3, [0], 500)
        assert counted() == [(2 * once, band_weights_price(3, [0], exponential_bits + 500))]
        for bits in (BITS, 500):
            found.add_weights(3, bits)
            assert counted() == [(2 * 3 * ends, token_weights_price(3, 2 * exponential_bits + bits))]


@pytest.mark.parametrize("position_only", [False, True])
@pytest.mark.parametrize("call", ["levels", "tokens"])
def test_a_label_whose_weight_may_be_zero(call: str, position_only: bool) -> None:
    """Because of the token, or because every position but the last weighs nothing."""
    model = max_model(3, 3, sharpness=0)
    # A dimension that only positions use.
    for name in ("W_E", "W_pos", "W_O"):
        model[name] = [[*row, Fraction(0)] for row in model[name]]
    for name in ("W_Q", "W_K", "W_V", "W_U"):
        model[name] = [*model[name], [Fraction(0)] * 3]
    if position_only:
        model["W_pos"][-1][3], model["W_K"][3][0] = Fraction(1), Fraction(64)
    else:
        model["W_K"][2][0] = Fraction(-64)
    found = terms_of(model, Meter(), [], exponential_bits=21)
    with pytest.raises(Rejected) as caught:
        if call == "levels":
            found.level_weights(range(1, 2), 2, [0], BITS)
        else:
            found.token_weights(2, 1, (1,), 0, BITS)
    at = "query 1 label 2 exponential_bits 21"
    assert str(caught.value) == f"weights: {at}: expected a positive lower bound of the label's weight, found 0"


@pytest.mark.parametrize(("token", "position"), [(1, 1), (0, 1), (1, 0), (7, 1)])
def test_one_unit_of_weight_is_enough(token: int, position: int) -> None:
    """Of the label, at a position before the last one."""
    found = terms(Meter())
    tokens, positions = WeightTable([[9, token]], [[9, 9]]), WeightTable([[0, position, 9]], [[9, 9, 9]])
    found.tables.weights = Weights(tokens, positions)
    if token and position:
        assert found.level_weights(range(1), 1, [0, 1], 3)[0] == [ceiling(9 << 3, token)]
        assert found.token_weights(1, 0, (0,), 2, 3)[1] == [ceiling(9 * 9 << 3, token * position)]
    else:
        with pytest.raises(Rejected, match="expected a positive lower bound of the label's weight, found 0"):
            found.level_weights(range(1), 1, [0, 1], 3)


# Checks


def by_hand(found: Terms, group: Group, classes: list[int]) -> list[int]:
    """The least bound of the last position's term over the queries of the group, class by class."""
    eu, ov, positions = found.gaps(group.label, BITS, 0, classes)
    least = []
    for c in range(len(classes)):
        each = []
        for query in group.queries:
            [lower], [upper] = found.token_weights(group.label, query, (query,), -1, BITS)
            gap = eu[query][c] + ov[query][c] + positions[-1][c]
            each.append((upper if gap <= 0 else lower) * int(gap) >> BITS)
        least.append(min(each))
    return least


@pytest.mark.parametrize("tables", [EXACT_TABLES, ROUGH])
def test_the_term_of_the_last_position(tables: tuple[Table, ...]) -> None:
    for group in (Group(3, 0, 2, 0, ()), Group(2, 1, 1, 0, ()), Group(3, 3, 3, 0, ())):
        meter = Recorder()
        found = terms(meter, tables)
        expected = by_hand(found, group, [0, 1, 2])
        gaps = found.gaps(group.label, BITS, 0, [0, 1, 2])
        meter.taken()
        assert last_term(found, group, gaps, BITS).tolist() == expected
        size = len(group.queries) * 3
        calls = meter.taken()
        assert ("last", 5 * size, 64 * size) in calls
        [weights] = [operations for rule, operations, _ in calls if rule == "weights"]
        assert weights == 2 * len(group.queries) * found.tables.ends


def test_long_terms_cost_more() -> None:
    """The gaps by their words, and their products with weights by the words of both; in every rule."""
    for bits in (BITS, 300):
        meter = Recorder()
        found = terms(meter)
        gaps = found.gaps(3, bits, 0, [0, 1])
        longest = found.tables.longest[bits] * (bits > BITS)
        meter.taken()
        last_term(found, Group(3, 0, 2, 0, ()), gaps, bits)
        price, *long = [price for rule, _, price in meter.taken() if rule == "last"]
        extra = 6 * (64 + 4 * words(longest)) if longest else 0
        assert price == 6 * 64 + extra and bool(long) == bool(longest)
        assert not long or 6 * product_price(bits - 8, bits - 8) <= long[0] <= 6 * product_price(bits + 9, bits + 9)
        for check, rule, size in (
            (step("levels", bits, 1, BANDS, 0, levels=(2,)), level_bounds, 3 * 2),
            (step("enumerate", bits, 1, BANDS, 0), position_bounds, 2 * 4 * 2),
        ):
            rule(Premises(found, Group(3, 0, 0, 0, ()), check, [0, 1]))
            prices = [price for name, _, price in meter.taken() if name == check.rule]
            entries = 2 * (1 + 3 + 3 + 4 * 2 + 4) if check.rule == "levels" else size
            own = 64 * 25 if check.rule == "levels" else 64 * size
            gap_price = entries * (64 + 4 * words(longest)) if longest else 0
            if not longest:
                assert sum(prices) == own
            else:
                products = sum(prices) - own - gap_price
                low, high = (size * product_price(bits + d, bits + d) for d in (-8, 9))
                assert low <= products <= high


BANDS = ((1, 1), (1, 2))  # token 0, tokens 1 and 2


@pytest.mark.parametrize("tables", [EXACT_TABLES, ROUGH])
@pytest.mark.parametrize("levels", [(1, 1), (2,)])
@pytest.mark.parametrize("queries", [(0, 2), (1, 1), (3, 3)])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_bounds_of_levels(
    sign: int, queries: tuple[int, int], levels: tuple[int, ...], tables: tuple[Table, ...]
) -> None:
    """For each band the smaller of 0 and its largest weight times its least gap, over queries, tokens and
    positions; for each level the least of its bands."""
    group = Group(3, *queries, 0, ())
    check, classes = step("levels", BITS, 1, BANDS, 0, levels=levels), [0, 2]
    meter = Recorder()
    found = terms(meter, tables, sign)
    last, bounds, sizes = level_bounds(Premises(found, group, check, classes))
    counted = [(operations, price) for rule, operations, price in meter.taken() if rule == "levels"]
    count = len(group.queries) * (1 + 2) + (len(group.queries) - 1) * (2 + 2 * 2) + 2 * (1 + 4 * 2 - len(levels) + 3)
    assert counted == [(count, 64 * count), (0, 0)]
    assert last == by_hand(found, group, classes)
    eu, ov, positions = found.gaps(3, BITS, 0, classes)
    weights, own = found.level_weights(group.queries, 3, [0, 1, 3], BITS)
    expected = []
    for i, band in enumerate(((0,), (1, 2), (3,))):
        row = []
        for c in range(2):
            gap = min(int(ov[t][c]) for t in band) + min(int(eu[q][c]) for q in group.queries)
            gap += min(int(positions[j][c]) for j in range(2))
            if band == (3,):
                row.append(own * gap >> BITS if gap > 0 else 2**BITS * gap >> BITS)
            else:
                row.append(min(0, weights[i] * gap >> BITS))
        expected.append(row)
    if levels == (2,):
        expected = [list(map(min, *expected[:2])), expected[2]]
    assert bounds == expected
    assert sizes == ([3, 1] if levels == (2,) else [1, 2, 1])


def test_comparisons_within_the_first_band_are_shared() -> None:
    """The running extrema over tokens are those of a band that starts at token 0; others need their own."""
    group = Group(3, 0, 0, 0, ())
    for bands, within, count in ((((1, 3),), 0, 1), (((1, 1), (1, 2)), 1, 2), (((3, 1),), 0, 3), ((), 0, 0)):
        meter = Recorder()
        check = step("levels", BITS, 1, bands, 0)
        level_bounds(Premises(terms(meter), group, check, [1]))
        counted = [operations for rule, operations, _ in meter.taken() if rule == "levels"]
        assert counted == [within + count + within + 4 * count - count + 3, 0]


def test_the_bounds_of_positions() -> None:
    """For each band and position the least over its tokens of weight times gap."""
    check, classes = step("enumerate", BITS, 1, BANDS, 0), [0, 2]
    for query, tables in product((0, 2, 3), (EXACT_TABLES, ROUGH)):
        group, meter = Group(3, query, query, 0, ()), Recorder()
        found = terms(meter, tables)
        last, bounds, sizes = position_bounds(Premises(found, group, check, classes))
        counted = [(operations, price) for rule, operations, price in meter.taken() if rule == "enumerate"]
        assert counted[0] == (2 * 5 * 4 * 2, 2 * 64 * 4 * 2)
        assert not any(operations for operations, _ in counted[1:])
        assert last.tolist() == by_hand(found, group, classes) and sizes == [1, 2, 1]
        eu, ov, positions = found.gaps(3, BITS, 0, classes)
        for j in range(2):
            weights, gap = found.token_weights(3, query, range(4), j, BITS), (eu[query] + ov) + positions[j]
            each = product_down(weights, gap, 60, BITS, "rule", Meter()).T.tolist()
            assert bounds[j].tolist() == [[row[0], min(row[1:3]), row[3]] for row in each]


def test_enumerate_is_for_one_query() -> None:
    with pytest.raises(Rejected) as caught:
        position_bounds(Premises(terms(Meter()), Group(3, 0, 1, 0, ()), step("enumerate", BITS, 1, ()), [0]))
    assert str(caught.value) == "group label 3 queries 0 1: enumerate: expected one query, found several"


def test_bands_end_at_the_label() -> None:
    group = Group(3, 0, 0, 0, ())
    assert band_cuts(group, step("levels", BITS, 1, ((1, 1), (1, 2)))) == [0, 1, 3]
    assert band_cuts(group, step("levels", BITS, 1, ())) == [0]
    assert band_cuts(group, step("levels", BITS, 1, ((2, 1),))) == [0, 1, 2]
    with pytest.raises(Rejected) as caught:
        band_cuts(group, step("levels", BITS, 1, ((2, 1), (1, 2))))
    assert str(caught.value) == "group label 3 queries 0 0: levels: expected bands below 3, found 4 tokens"


# What is counted


@pytest.mark.parametrize(
    ("query", "bands", "sums"),
    [
        # Every sequence of three bands, or of the label alone, at two positions.
        (3, 2, [3 + 9 + 9]),
        (3, 0, [1 + 1 + 1]),
        # The label first, then anything; or the label only at the second position.
        (0, 2, [1 + 3 + 3, 2 + 2 + 2]),
        (0, 1, [1 + 2 + 2, 1 + 1 + 1]),
        # No token but the label: at the first position.
        (0, 0, [1 + 1 + 1]),
    ],
)
def test_what_enumerate_counts(query: int, bands: int, sums: list[int]) -> None:
    """For each prefix of a sequence an addition, and a comparison for each sequence, in each class; the
    sequences by where the label comes first, where it must."""
    group, meter = Group(3, query, query, 0, ()), Recorder()
    check = step("enumerate", BITS, 1, BANDS[:bands], 0)
    check_enumerate(Premises(terms(meter), group, check, [0, 2]))
    # After one count of the positions but the last.
    counted = [(operations, price) for rule, operations, price in meter.taken() if rule == "enumerate"][1:]
    assert counted == [(2 * count, sums_price(2, count, 1)) for count in sums]


def enumerated(
    base: list[int], bounds: list[list[list[int]]], sizes: list[int], margin: int, query_is_label: bool = True
) -> tuple[int, list[tuple[str, int, int]]]:
    """How many inputs the rule `enumerate` certifies with these bounds, and its count."""
    meter, label = Recorder(), sum(sizes) - 1
    known: tuple[object, ...] = np.array(base, dtype=object), [np.array(rows, dtype=object) for rows in bounds], sizes
    group = Group(label, *(2 * [label if query_is_label else 0]), 0, ())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "position_bounds", lambda *arguments: known)
        check = step("enumerate", BITS, margin, ())
        left_out = check_enumerate(
            Premises(cast(Terms, SimpleNamespace(meter=meter, weighing=None)), group, check, [0] * len(base))
        ).left_out
    return group_size(group, len(bounds) + 1) - left_out, meter.taken()


@pytest.mark.parametrize(
    ("base", "first", "second", "sizes", "word"),
    [
        (2**62 - 1, 0, 0, [1, 1], 1),
        (2**62, 0, 0, [1, 1], 48 + 63 // 16),
        (-(2**62), 2**62, 1, [1, 1], 48 + 64 // 16),
        (0, 2**61, 2**61 - 1, [1, 1], 1),
        (0, 2**61, 2**61, [1, 1], 48 + 63 // 16),
        (2**61, -(2**60), -(2**60), [1, 1], 48 + 63 // 16),
        # Sums and sequences that 64 bits do not hold.
        (2**62, 2**62, 2**62, [1, 1], 48 + 64 // 16),
        (2**80, -(2**80), 1, [1, 1], 48 + 82 // 16),
        (7, 1, 1, [2**31 - 2, 1], 1),
        (7, 1, 1, [2**31 - 1, 1], 48 + 63 // 16),
        (7, 1, 1, [2**40, 5], 48 + 81 // 16),
    ],
)
def test_sums_are_of_64_bits_where_they_fit(base: int, first: int, second: int, sizes: list[int], word: int) -> None:
    """The least of the two bands at each position decides, and all sequences pass, or none."""
    for low in (0, 1):
        bounds = [[[first, first]], [[second, second]]]
        found, calls = enumerated([base], bounds, sizes, base + first + second + low)
        assert found == (0 if low else sum(sizes) ** 2)
        assert calls == [("enumerate", 2 + 4 + 4, sums_price(1, 10, word))]


def test_fewer_sums_are_formed_at_once_where_they_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """By what they are priced."""
    at_once = []
    monkeypatch.setattr(kernel, "count_sums", lambda *arguments: at_once.append(arguments[-1]) or 0)
    for scale in (1, 2**80):
        enumerated([scale], [[[scale, scale]]] * 2, [1, 1], 1)
    assert at_once == [2**18, 2**18 // (48 + 82 // 16)]


@pytest.mark.parametrize("classes", [1, 2, 7, 8, 9, 16])
def test_the_price_of_sums(classes: int) -> None:
    _, calls = enumerated([0] * classes, [[[1, 1]] * classes] * 3, [1, 1], 1)
    assert calls == [("enumerate", classes * (2 + 4 + 8 + 8), sums_price(classes, 2 + 4 + 8 + 8, 1))]


@examples(60)
@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_sequences_that_pass_are_counted_once(
    data: st.DataObject, classes: int, others: int, bands: int, query_is_label: bool
) -> None:
    """With the label, the last band, somewhere before the last position unless the query is the label."""
    small = st.integers(-5, 5)
    base = data.draw(st.lists(small, min_size=classes, max_size=classes))
    row = st.lists(small, min_size=bands, max_size=bands)
    rows = st.lists(row, min_size=classes, max_size=classes)
    bounds = data.draw(st.lists(rows, min_size=others, max_size=others))
    sizes = [*data.draw(st.lists(st.integers(1, 3), min_size=bands - 1, max_size=bands - 1)), 1]
    margin = data.draw(small)
    expected = 0
    for sequence in product(range(bands), repeat=others):
        if query_is_label or bands - 1 in sequence:
            sums = [base[c] + sum(bounds[j][c][b] for j, b in enumerate(sequence)) for c in range(classes)]
            expected += prod(sizes[b] for b in sequence) if min(sums) >= margin else 0
    if query_is_label or sum(sizes) > 1:
        assert enumerated(base, bounds, sizes, margin, query_is_label)[0] == expected


class Levels:
    """Bounds of the same kind in every class, told by their numbers."""

    def __init__(self, last: int, terms: list[int], sizes: list[int]) -> None:
        self.bounds = [last] * 2, [[k, k] for k in terms], sizes

    def counted(self, others: int, labels: int, margin: int = 1) -> tuple[int, int]:
        """How many pass, and the operations."""
        meter = Recorder()
        found = count_levels(self.bounds, others, labels, margin, meter)
        assert {rule for rule, _, _ in meter.calls} == {"levels"}
        return found, meter.operations


def test_what_counting_counts() -> None:
    """Two classes. At first the least terms, the margin, and the difference of the first two levels: one for
    each class and level. Then in each class 5 for an interval, 4 for a look at the worst case, and 1 where the
    label must occur and there is no look."""
    # One level, with the label.
    assert Levels(0, [-1, 9], [2, 1]).counted(2, 1, 8) == (3 * 3 - 2 * 2, 2 * 1 + 2 * 5)
    assert Levels(0, [9], [1]).counted(2, 1) == (1, 2 * 1 + 2 * 5)
    # Two levels: one look where nothing fails, or with two more branches where the label must occur.
    assert Levels(50, [-1, -2, 9], [2, 3, 1]).counted(2, 0) == (6**2, 2 * 2 + 2 * 4)
    assert Levels(0, [-1, -2, 9], [2, 3, 1]).counted(2, 1) == (6**2 - 5**2, 2 * 2 + 2 + 2 * 5)


def test_the_look_at_the_worst_case_decides_where_it_just_passes() -> None:
    """Two tokens of the second level take all of the margin, or one unit more; with a token of the label all pass."""
    assert Levels(5, [-1, -2, 9], [2, 3, 1]).counted(2, 0) == (6**2, 2 * 2 + 2 * 4)
    assert Levels(4, [-1, -2, 9], [2, 3, 1]).counted(2, 0) == (6**2 - 3**2, 2 * 2 + 2 * (4 + 5 + 5))


def test_which_branches_are_spared() -> None:
    """More tokens of a level are not tried where none pass and its bound is the least of those below it, nor
    where all pass and it is the greatest; only the least and the greatest decide."""
    # None passes. The third level is not the least of the three, and the label is the greatest: all are tried.
    looks, intervals = (1 + 1 + 1 + 1) * 4, (3 + 2 + 1) * 5
    assert Levels(-100, [-1, -5, -3, 0], [1] * 4).counted(2, 0) == (0, 2 * (3 + looks + intervals))
    # With a third level that is the least, it is tried without any of its tokens only.
    assert Levels(-100, [-1, -5, -6, 0], [1] * 4).counted(2, 0) == (0, 2 * (3 + looks + 3 * 5))
    # All pass with one token of the label, whose bound is not the least of all: no more are tried.
    assert Levels(100, [-1, -2, -5, -4], [1] * 4).counted(2, 1) == (7, 2 * (3 + 1 + 4))
    assert Levels(100, [-1, -2, -5, -6], [1] * 4).counted(2, 1) == (7, 2 * (3 + 1 + 4 + 4))


@pytest.mark.parametrize(("classes", "others"), [(1, 1), (2, 5), (7, 3)])
def test_the_price_of_counting(classes: int, others: int) -> None:
    """At first by classes and levels, then for every branch."""
    for sizes, branches in (([1], 1), ([2, 1], 1), ([2, 2, 1], 1)):
        for scale, bits in ((1, 4), (2**10, 14), (2**100, 104)):
            meter = Recorder()
            count_levels(([0] * classes, [[9 * scale] * classes] * len(sizes), sizes), others, 0, 1, meter)
            first, *rest = [price for _, _, price in meter.taken()]
            assert first == classes * max(2, len(sizes)) * PYTHON
            # Of two levels, all numbers of tokens of the second one are added up.
            interval = [interval_price(others + 1, others)] * (len(sizes) < 3)
            assert rest == [counting_price(classes, others, bits)] * branches + interval


def test_the_price_of_adding_up_numbers_of_tokens() -> None:
    """Of those that pass only: of tokens of the second level, and of others where all more pass, too."""
    meter = Recorder()
    found = count_levels(([-2], [[0], [1]], [3, 1]), 4, 0, 1, meter)
    assert found == sum(comb(4, k) * 3 ** (4 - k) for k in (3, 4))
    assert meter.taken()[-1] == ("levels", 0, interval_price(2, 4))
    # The third level is the greatest: with one token of it all pass, however many more there are.
    found = count_levels(([0], [[-1], [-2], [9]], [1, 1, 1]), 3, 1, 1, meter)
    assert found == 3**3 - 2**3 and meter.taken()[-1] == ("levels", 0, interval_price(3, 3))


def test_the_price_of_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the classes of the partition, and by the tokens and classes to compare."""
    Rules(monkeypatch)
    meter = Recorder()
    steps = ((0, (2,)), (0, None), (1, None))
    checks = tuple(step("levels", BITS, 1, (), partition, classes) for partition, classes in steps)
    certified_inputs(terms(meter), Group(2, 2, 2, 0, checks))
    expected = [160 * PYTHON + 64 * cuts + 4 * 2 * classes for cuts, classes in ((4, 1), (4, 2), (2, 0))]
    assert meter.taken() == [("levels", 0, price) for price in expected]


def test_too_many_levels_are_declined_before_anything_is_counted() -> None:
    meter, limit = Recorder(), counting.MAX_LEVELS
    count_levels(([0], [[0]] * (limit + 1), [1] * (limit + 1)), 1, 0, 1, Recorder())
    with pytest.raises(Declined) as caught:
        count_levels(([0], [[0]] * (limit + 2), [1] * (limit + 2)), 1, 0, 1, meter)
    assert str(caught.value) == f"levels: {limit + 1} levels, limit max_levels = {limit}"
    assert meter.calls == []


# Groups


def test_the_size_of_a_group() -> None:
    """All inputs of its label and its queries, counted one by one."""
    for label, first, last, positions in product(range(4), range(4), range(4), (2, 3)):
        if first <= last < label or first == last == label:
            tokens = list(product(range(label + 1), repeat=positions - 1))
            size = sum(max(*sequence, query) == label for sequence in tokens for query in range(first, last + 1))
            assert group_size(Group(label, first, last, 0, ()), positions) == size


class Rules:
    """Rules that leave out nothing, or as many as they are told, and remember the classes they were given."""

    def __init__(self, patch: pytest.MonkeyPatch, left_out: int = 0) -> None:
        self.classes: list[list[int]] = []
        self.left_out = left_out
        patch.setattr(groups, "group_rule", lambda name: replace(group_rule(name), check=self.check))

    def check(self, premises: Premises) -> Conclusion:
        self.classes.append(premises.classes)
        return Conclusion(self.left_out)


@pytest.mark.parametrize(
    ("label", "steps", "given"),
    [
        # The rest is every class with an output that no check has covered.
        (0, [(0, None)], [[1, 2]]),
        (3, [(0, None)], [[0, 1, 2]]),
        (3, [(0, (1,)), (0, None)], [[1], [0, 2]]),
        (3, [(0, (0, 1)), (0, None)], [[0, 1], [2]]),
        (3, [(1, None), (0, None)], [[0]]),
        # Chosen classes are checked even where they are covered, but not the label by itself.
        (3, [(1, None), (0, (0, 2))], [[0], [0, 2]]),
        (0, [(0, (0, 1)), (0, None)], [[1], [2]]),
        (3, [(0, (1,)), (1, None)], [[1], [0]]),
    ],
)
def test_which_classes_a_check_is_for(
    label: int, steps: list[tuple[int, tuple[int, ...] | None]], given: list[list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    meter, rules = Recorder(), Rules(monkeypatch)
    checks = tuple(step("levels", BITS, 1, (), partition, classes) for partition, classes in steps)
    group = Group(label, label, label, 0, checks)
    assert certified_inputs(terms(meter), group) == (label + 1) ** 2
    assert rules.classes == given


def test_what_checks_leave_out_is_subtracted(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never more than all."""
    for left_out, certified in ((0, 16), (3, 10), (8, 0), (9, 0), (100, 0)):
        Rules(monkeypatch, left_out)
        checks = (step("levels", BITS, 1, (), 0, (0, 1)), step("enumerate", BITS, 1, ()))
        assert certified_inputs(terms(Meter()), Group(3, 3, 3, 0, checks)) == certified


def test_the_output_without_a_check_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of them, and never the label."""
    Rules(monkeypatch)
    for classes, missing in (((0,), 1), ((1,), 0), ((0, 2), 1), ((0, 1), 4), ((1, 2), 0)):
        group = Group(3, 3, 3, 0, (step("levels", BITS, 1, (), 0, classes),))
        with pytest.raises(Rejected) as caught:
            certified_inputs(terms(Meter()), group)
        found = f"expected a check of every output, found none of output {missing}"
        assert str(caught.value) == f"group label 3 queries 3 3: {found}"


def test_long_sums_are_not_cut_to_64_bits() -> None:
    """Where base and bounds together reach 2**62, or the number of sequences does."""
    for exponent in (3, 30, 40, 44, 45, 46, 47, 48, 60, 80):
        model = {**UNEVEN, "W_U": [[k * 2**exponent for k in row] for row in UNEVEN["W_U"]]}
        found = terms_of(model, Meter(), [PARTITION])
        group = Group(3, 3, 3, 0, ())
        check = step("enumerate", BITS, 1, each_token(3), 0)
        base, bounds, sizes = position_bounds(Premises(found, group, check, [0, 1, 2]))
        rows = [np.array(row, dtype=object) for row in bounds]
        expected = sum(
            all(int(base[c]) + int(rows[0][c][a]) + int(rows[1][c][b]) >= 1 for c in range(3))
            for a, b in product(range(4), repeat=2)
        )
        assert check_enumerate(Premises(found, group, check, [0, 1, 2])).left_out == 16 - expected
        assert sizes == [1] * 4
