"""Group rules: how many inputs of a group are certified, from bounds of the terms of their margins."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import comb, prod
from operator import mul

import numpy as np

from checker.arithmetic import PRODUCT_LIMIT, Array, bound, integer_array, interval_product_down, product_down
from checker.certificate import Check, Group
from checker.errors import Declined, Rejected
from checker.meter import Meter
from checker.terms import Gaps, Terms

MAX_SUMS_AT_ONCE = 2**20
MAX_LEVELS = 64

Levels = tuple[list[int], list[int], list[list[int]], list[int]]
Positions = tuple[Array, list[Array], list[int]]


def group_size(group: Group, positions: int) -> int:
    """The number of inputs in `group`: its label occurs, and no larger token does."""
    label, others = group.label, positions - 1
    if group.first_query == label:
        return (label + 1) ** others
    return (group.last_query - group.first_query + 1) * ((label + 1) ** others - label**others)


def certified_inputs(terms: Terms, group: Group) -> int:
    """How many inputs of `group` its checks certify: all but those that some check leaves out.

    Raises `Rejected` if an output other than the label is covered by no check.
    """
    model = terms.tables.model
    certified = group_size(group, model.positions)
    covered = np.zeros(model.outputs, dtype=bool)
    covered[group.label] = True
    for check in group.checks:
        cuts = terms.partitions[check.partition]
        uncovered = np.flatnonzero(np.logical_or.reduceat(~covered, cuts[:-1])).tolist()
        classes = uncovered if check.classes is None else list(check.classes)
        classes = [c for c in classes if (cuts[c], cuts[c + 1]) != (group.label, group.label + 1)]
        for c in classes:
            covered[cuts[c] : cuts[c + 1]] = True
        if classes:
            certified -= RULES[check.rule](terms, group, check, classes)
    if not covered.all():
        output = int(np.argmin(covered))
        raise Rejected(f"{group}: expected a check of every output, found none of output {output}")
    return max(0, certified)


def band_cuts(group: Group, check: Check) -> list[int]:
    """Where the bands of `check` begin, and where the last one ends. Raises `Rejected`."""
    tokens = sum(count * width for count, width in check.bands)
    if tokens > group.label:
        raise Rejected(f"{group}: {check.rule}: expected bands below {group.label}, found {tokens} tokens")
    widths = (width for count, width in check.bands for _ in range(count))
    return list(accumulate(widths, initial=0))


def last_term(terms: Terms, group: Group, gaps: Gaps, classes: list[int], bits: int) -> Array:
    """A lower bound of the last position's term, class by class."""
    queries = range(group.first_query, group.last_query + 1)
    lower, upper = terms.token_weights(group.label, [(q, q) for q in queries], -1, bits)
    rows = slice(queries.start, queries.stop)
    gap = (gaps[0][rows] + gaps[1][rows] + gaps[2][-1])[:, classes]
    terms.meter.add("last", 5 * gap.size, 8 * gap.size)
    return interval_product_down(lower, upper, gap, bits).min(axis=0)


def level_bounds(terms: Terms, group: Group, check: Check, classes: list[int]) -> Levels:
    """Lower bounds of the terms that `check_levels` adds up.

    Returns, class by class, the bound for the last position and the one for the label elsewhere; for each
    level, class by class, the bound for its tokens; and the number of tokens in each level.
    """
    label, bits, cuts = group.label, check.bits, band_cuts(group, check)
    queries, bands, wide = range(group.first_query, group.last_query + 1), len(cuts) - 1, len(classes)
    # Comparisons within the bands that do not start at token 0, and then of the bands in each level.
    within = sum(b - a - 1 for a, b in zip(cuts[1:], cuts[2:], strict=False))
    count = len(queries) * (within + bands) + (len(queries) - 1) * (bands + 2 * wide)
    count += wide * (within + 4 * bands - len(check.levels) + 3)
    terms.meter.add("levels", count, 2 * count)

    gaps = eu, ov, positions = terms.gaps(label, bits, check.partition, classes)
    last = last_term(terms, group, gaps, classes, bits)
    eu, ov = eu[queries.start : queries.stop, classes].min(axis=0), ov[:, classes]
    gap = eu + positions[:-1, classes].min(axis=0)
    weight = integer_array([min(terms.label_weight(q, bits) for q in queries), 1 << bits], (2, 1))
    label_term = interval_product_down(weight[0], weight[1], gap + ov[label], bits)
    if not bands:
        return last.tolist(), label_term.tolist(), [], []
    weights = [terms.band_weights(q, label, cuts, bits) for q in queries]
    weight = integer_array([max(column) for column in zip(*weights, strict=True)], (bands, 1))
    gap = gap + np.minimum.reduceat(ov[: cuts[-1]], cuts[:-1], axis=0)
    starts = [0, *accumulate(check.levels[:-1])]
    level_terms = np.minimum.reduceat(np.minimum(product_down(weight, gap, bits), 0), starts, axis=0)
    sizes = np.add.reduceat(np.diff(cuts), starts)
    return last.tolist(), label_term.tolist(), level_terms.tolist(), sizes.tolist()


def check_levels(terms: Terms, group: Group, check: Check, classes: list[int]) -> int:
    """Rule `levels`: how many inputs of `group` are left out, for outputs in `classes`.

    Every band of tokens below the label has one bound, class by class, of the term of any of its
    tokens at any of the positions 1 .. n-1, for every query of the group: the smaller of 0 and
    weight * gap, with the band's largest weight and least gap. A level takes the smallest bound of its
    bands. The label has such a bound too.

    Premises: enclosed tables; bands below the label. Conclusion: an input is certified if, in every
    class, the bounds of its n terms, those of levels below the label, add up to `margin` or more;
    inputs with a token of no band are left out. They are counted exactly (`count_levels`).
    Failure: a band reaches the label; the label's weight may be zero.
    Operations: per class and band an addition, a multiplication and two comparisons; per query and band
    a division; the extrema over bands that do not start at token 0 and over the queries.
    """
    bounds = level_bounds(terms, group, check, classes)
    positions, queries = terms.tables.model.positions, group.last_query - group.first_query + 1
    labels = 0 if group.first_query == group.label else 1
    passing = count_levels(bounds, positions - 1, labels, check.margin, terms.meter)
    return group_size(group, positions) - queries * passing


def count_levels(bounds: Levels, others: int, labels: int, margin: int, meter: Meter) -> int:
    """The number of sequences of `others` tokens, `labels` or more of them the label and the rest in
    levels, for which last + sum of terms >= margin in every class.

    `bounds` are last and label_term [class], level_terms [level][class], sizes [level]. Branches on how many
    tokens are in the last level, then in the one before, and so on; between the first level and the
    label, the numbers that pass are an interval. Raises `Declined` for more than MAX_LEVELS levels.
    """
    last, label_term, level_terms, sizes = bounds
    if len(sizes) > MAX_LEVELS:
        raise Declined(f"levels: {len(sizes)} levels, limit max_levels = {MAX_LEVELS}")
    wide = len(last)
    meter.add("levels", wide * (len(sizes) + 4))
    least = [min(terms) for terms in zip(label_term, *level_terms, strict=True)]
    each = zip(last, label_term, least, strict=True)
    if all(a + labels * b + (others - labels) * c >= margin for a, b, c in each):
        return (sum(sizes) + 1) ** others - (sum(sizes) ** others if labels else 0)
    level_terms, sizes = level_terms or [label_term], sizes or [0]  # for no level, one without tokens
    # Class by class, the least term of the label and of the levels before level i; whether level i is below it.
    least_before = accumulate(level_terms, lambda a, b: list(map(min, a, b)), initial=label_term)
    below = [all(map(int.__le__, *pair)) for pair in zip(level_terms, least_before, strict=False)]

    def count(base: list[int], free: int, level: int) -> int:
        """How many sequences of `free` tokens in the first levels, up to `level`, or the label pass."""
        meter.add("levels", 7 * wide, branches=1)
        term, size, passing = level_terms[level], sizes[level], 0
        if level == 0:
            # With k tokens of the label, the sum less the margin is slack + k * step in each class.
            first, end = labels, free
            for a, b, c in zip(base, label_term, term, strict=True):
                slack, step = a + free * c - margin, b - c
                if step > 0:
                    first = max(first, -(slack // step))
                elif step < 0 or slack < 0:
                    end = min(end, slack // -step if step else -1)
            return sum(comb(free, k) * size ** (free - k) for k in range(first, end + 1))
        for k in range(free + 1):
            more = count([a + k * b for a, b in zip(base, term, strict=True)], free - k, level - 1)
            if not more and below[level]:
                break
            passing += comb(free, k) * size**k * more
        return passing

    return count(last, others, len(sizes) - 1)


def position_bounds(terms: Terms, group: Group, check: Check, classes: list[int]) -> Positions:
    """Lower bounds of the terms of a group of one query, each token at each position by itself.

    Returns the bounds [class] for the last position; for every other position the bounds [class, band],
    the least over the tokens of a band, with the label as one more band at the end; and the number of
    tokens in each band. Raises `Rejected` if there are several queries.
    Operations: per token and position two for the weight; per class two additions, a multiplication
    and two comparisons more.
    """
    label, bits, query = group.label, check.bits, group.first_query
    if query != group.last_query:
        raise Rejected(f"{group}: {check.rule}: expected one query, found several")
    cuts = band_cuts(group, check)
    gaps = eu, ov, positions = terms.gaps(label, bits, check.partition, classes)
    tokens = [*range(cuts[-1]), label]
    gap = (eu[query] + ov)[np.ix_(tokens, classes)]
    bounds = []
    for j in range(terms.tables.model.positions - 1):
        terms.meter.add(check.rule, 5 * gap.size, 9 * gap.size)
        lower, upper = terms.token_weights(label, [(query, t) for t in tokens], j, bits)
        term = interval_product_down(lower, upper, gap + positions[j, classes], bits)
        bounds.append(np.minimum.reduceat(term, cuts, axis=0).T)
    sizes = [b - a for a, b in zip(cuts, cuts[1:], strict=False)]
    return last_term(terms, group, gaps, classes, bits), bounds, [*sizes, 1]


def check_enumerate(terms: Terms, group: Group, check: Check, classes: list[int]) -> int:
    """Rule `enumerate`: how many inputs of `group` are left out, for outputs in `classes`.

    Premises: enclosed tables; one query; bands below the label. Conclusion: an input is certified if,
    in every class, the bounds of its n terms, each for its own band and position, add up to `margin`
    or more; inputs with a token of no band are left out. Every sequence of bands is tried.
    Failure: several queries; a band reaches the label; the label's weight may be zero.
    Operations: those of `position_bounds`, then one addition for every prefix of a sequence and one
    comparison for every sequence, in every class.
    """
    base, bounds, sizes = position_bounds(terms, group, check, classes)
    others, below = len(bounds), len(sizes) - 1
    boxes = [[slice(None)] * others]
    if group.first_query != group.label:  # by the position at which the label occurs first
        first = [slice(below)] * others, [slice(below, None)], [slice(None)] * others
        boxes = [[*first[0][:j], *first[1], *first[2][j + 1 :]] for j in range(others if below else 1)]
    for box in boxes:
        widths = [len(sizes[chosen]) for chosen in box]
        terms.meter.add("enumerate", len(classes) * (sum(accumulate(widths, mul)) + prod(widths)))
    small = bound(base) + sum(map(bound, bounds)) < PRODUCT_LIMIT and sum(sizes) ** others < PRODUCT_LIMIT
    dtype = np.int64 if small else object
    base, size, bounds = base.astype(dtype), np.array(sizes, dtype), [row.astype(dtype) for row in bounds]
    passing = sum(
        count_sums(base, [(row[:, b], size[b]) for row, b in zip(bounds, box, strict=True)], check.margin)
        for box in boxes
    )
    return group_size(group, others + 1) - passing


def count_sums(base: Array, box: Sequence[tuple[Array, Array]], margin: int) -> int:
    """The number of sequences of tokens, one token of a band of each of the positions in `box`, for
    which base plus the bounds of their bands is `margin` or more in every class.

    `base` [class]; for each position in `box`, bounds [class, band] and sizes [band]."""
    if prod(len(sizes) for _, sizes in box) * len(base) > MAX_SUMS_AT_ONCE and len(box) > 1:
        each = zip(box[0][0].T, box[0][1], strict=True)
        return sum(int(size) * count_sums(base + column, box[1:], margin) for column, size in each)
    sums, copies = base[:, None], np.ones(1, dtype=base.dtype)
    for bounds, sizes in box:
        sums = (sums[:, :, None] + bounds[:, None, :]).reshape(len(base), -1)
        copies = (copies[:, None] * sizes).ravel()
    return int(copies[(sums >= margin).all(axis=0)].sum())


RULES: dict[str, Callable[[Terms, Group, Check, list[int]], int]]
RULES = {"levels": check_levels, "enumerate": check_enumerate}
