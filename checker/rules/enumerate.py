"""The rule `enumerate`: every sequence of bands of tokens is tried."""

from itertools import accumulate
from math import prod
from operator import mul
from typing import NamedTuple

import numpy as np

from checker.certificate import Group, group_size
from checker.counting import Span, count_sums
from checker.errors import Rejected
from checker.models.terms import product_down
from checker.numbers.rounding import PRODUCT_LIMIT, Array, Ends, bound
from checker.rules.group_rule import Conclusion, GroupRule, Premises, band_cuts, last_term
from checker.text import Reader

MAX_SUMS_AT_ONCE = 2**18


class PositionBounds(NamedTuple):
    """Lower bounds of terms, each token at each position by itself.

    `last` [class] is for the last position; `bands`, for every other position [class, band], the
    least over the tokens of a band, with the label as one more band at the end; `sizes` are the
    numbers of tokens in each band.
    """

    last: Array
    bands: list[Array]
    sizes: list[int]


def parse_enumerate(reader: Reader, bands: int) -> tuple[int, ...]:
    """Nothing follows the bands."""
    return ()


def position_bounds(premises: Premises) -> PositionBounds:
    """Lower bounds of the terms of a group of one query. Raises `Rejected` if there are several.

    Operations: per token and position two for the weight; per class two additions, a multiplication
    and two comparisons more.
    """
    terms, group, check = premises.terms, premises.group, premises.check
    label, bits, query = group.label, check.bits, group.first_query
    if query != group.last_query:
        raise Rejected(f"{group}: {check.rule}: expected one query, found several")
    terms.meter.release()
    cuts = band_cuts(group, check)
    gaps = terms.gaps(label, bits, check.partition, premises.classes)
    tokens, others = [*range(cuts[-1]), label], len(gaps.positions) - 1
    size = others * len(tokens) * len(premises.classes)
    terms.meter.add("enumerate", 5 * size, 64 * size + terms.long_gaps("enumerate", bits, size))
    terms.add_weights(others * len(tokens), bits)
    # The gaps [position, token, class], and the ends of the weights likewise.
    gap = (gaps.direct[query] + gaps.tokens)[tokens] + gaps.positions[:-1, None]
    ends = [terms.token_weights(label, query, tokens, j, bits) for j in range(others)]
    weights = Ends([k for low, _ in ends for k in low], [k for _, high in ends for k in high])
    longest = terms.tables.longest[bits]
    products = product_down(weights, gap, longest, bits, "enumerate", terms.meter)
    bounds = list(np.minimum.reduceat(products, cuts, axis=1).transpose(0, 2, 1))
    sizes = np.diff([*cuts, cuts[-1] + 1]).tolist()
    return PositionBounds(last_term(terms, group, gaps, bits), bounds, sizes)


def boxes(group: Group, others: int, below: int) -> list[list[slice]]:
    """Which bands, of `below` bands and the label after them, stand at each of `others` positions:
    products that hold every sequence with enough labels once."""
    every, lower, label = slice(None), slice(below), slice(below, None)
    if not group.labels:
        return [[every] * others]
    # By the position at which the label occurs first.
    firsts = range(others if below else 1)
    return [[lower] * j + [label] + [every] * (others - j - 1) for j in firsts]


def check_enumerate(premises: Premises) -> Conclusion:
    """Rule `enumerate`: how many inputs of a group are left out.

    Premises: enclosed tables; one query; bands below the label. Conclusion: an input is certified
    if, in every class, the bounds of its n terms, each for its own band and position, add up to
    `margin` or more; inputs with a token of no band are left out. Every sequence of bands is tried.
    Failure: several queries; a band reaches the label; the label's weight may be zero.
    Operations: those of `position_bounds`, then one addition for every prefix of a sequence and one
    comparison for every sequence, in every class.
    """
    group, margin = premises.group, premises.check.margin
    last, bands, sizes = position_bounds(premises)
    others, classes = len(bands), len(premises.classes)
    chosen = boxes(group, others, len(sizes) - 1)
    if premises.terms.weighing is not None:
        premises.terms.weighing.leave_out_boxes(last, bands, sizes, chosen, margin)
    most = max(bound(last) + sum(map(bound, bands)), sum(sizes) ** others)
    word = 1 if most < PRODUCT_LIMIT else 48 + most.bit_length() // 16
    for box in chosen:
        widths = [len(sizes[part]) for part in box]
        sums = sum(accumulate(widths, mul)) + prod(widths)
        price = max(5, 5 * classes // 8 + 2) * sums * word
        premises.terms.meter.add("enumerate", classes * sums, price)
    dtype, at_once = np.int64 if word == 1 else object, MAX_SUMS_AT_ONCE // word
    last, copies = last.astype(dtype, copy=False), np.array(sizes, dtype)
    bands, passing = [rows.astype(dtype, copy=False) for rows in bands], 0
    for box in chosen:
        pairs = zip(bands, box, strict=True)
        spans = [Span(rows[:, part], copies[part]) for rows, part in pairs]
        passing += count_sums(last, spans, margin, at_once)
    return Conclusion(group_size(group, others + 1) - passing)


ENUMERATE = GroupRule("enumerate", parse_enumerate, check_enumerate)
