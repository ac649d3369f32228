"""The rule `levels`: bands of tokens are counted, at whatever positions they stand."""

from itertools import accumulate

import numpy as np

from checker.certificate import group_size
from checker.counting import LevelBounds, count_levels
from checker.models.terms import product_down
from checker.numbers.rounding import Ends
from checker.rules.group_rule import Conclusion, GroupRule, Premises, band_cuts, last_term
from checker.text import NATURAL, POSITIVE, Reader


def parse_levels(reader: Reader, bands: int) -> tuple[int, ...]:
    """How many bands are in each level."""
    levels = reader.integers(reader.take(NATURAL)[0], POSITIVE)
    if sum(levels) != bands:
        raise reader.fail("levels that hold every band once before here")
    return tuple(levels)


def level_bounds(premises: Premises) -> LevelBounds:
    """Lower bounds of the terms that `check_levels` adds up."""
    terms, group, check = premises.terms, premises.group, premises.check
    terms.meter.release()
    label, bits, cuts = group.label, check.bits, band_cuts(group, check)
    queries, bands, wide = group.queries, len(cuts) - 1, len(premises.classes)
    # Comparisons within the bands that do not start at token 0, and then of the bands in each
    # level.
    within = sum(b - a - 1 for a, b in zip(cuts[1:], cuts[2:], strict=False))
    count = len(queries) * (within + bands) + (len(queries) - 1) * (bands + 2 * wide)
    count += wide * (within + 4 * bands - len(check.levels) + 3)
    terms.meter.add("levels", count, 64 * count)
    gaps = terms.gaps(label, bits, check.partition, premises.classes)
    entries = wide * (len(queries) + len(gaps.positions) + cuts[-1] + 4 * bands + 4)
    terms.meter.add("levels", 0, terms.long_gaps("levels", bits, entries))
    upper, own = terms.level_weights(queries, label, cuts, bits)
    # A band's bound is at most 0, as if a weight of 0 were possible, for which gaps above 0 count
    # nothing.
    weights = Ends([*[0] * bands, own], [*upper, 1 << bits])
    tokens = gaps.tokens if cuts[-1] == label else gaps.tokens[[*range(cuts[-1]), label]]
    direct = gaps.direct[queries[0] : queries[-1] + 1]
    least = direct.min(axis=0) + gaps.positions[:-1].min(axis=0)
    gap = np.minimum.reduceat(tokens, cuts, axis=0) + least
    starts = list(accumulate(check.levels, initial=0))
    longest = terms.tables.longest[bits]
    products = product_down(weights, gap, longest, bits, "levels", terms.meter)
    level_terms = np.minimum.reduceat(products, starts, axis=0)
    sizes = [*(cuts[b] - cuts[a] for a, b in zip(starts, starts[1:], strict=False)), 1]
    last = last_term(terms, group, gaps, bits)
    return LevelBounds(last.tolist(), level_terms.tolist(), sizes)


def check_levels(premises: Premises) -> Conclusion:
    """Rule `levels`: how many inputs of a group are left out.

    Every band of tokens below the label has one bound, class by class, of the term of any of its
    tokens at any of the positions 1 .. n-1, for every query of the group: the smaller of 0 and
    weight * gap, with the band's largest weight and least gap. A level takes the smallest bound of
    its bands. The label has such a bound too.

    Premises: enclosed tables; bands below the label. Conclusion: an input is certified if, in every
    class, the bounds of its n terms, those of levels below the label, add up to `margin` or more;
    inputs with a token of no band are left out. They are counted exactly (`count_levels`).
    Failure: a band reaches the label; the label's weight may be zero.
    Operations: per class and band an addition, a multiplication and two comparisons; per query and
    band a division; the extrema over bands that do not start at token 0 and over the queries.
    """
    terms, group, margin = premises.terms, premises.group, premises.check.margin
    bounds, positions = level_bounds(premises), terms.tables.model.positions
    passing = count_levels(bounds, positions - 1, group.labels, margin, terms.meter)
    if terms.weighing is not None:
        terms.weighing.leave_out_levels(bounds, margin)
    return Conclusion(group_size(group, positions) - len(group.queries) * passing)


LEVELS = GroupRule("levels", parse_levels, check_levels)
