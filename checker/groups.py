"""Group rules: how many inputs of a group are certified, from bounds of the terms of their margins."""

from collections.abc import Callable, Sequence
from itertools import accumulate
from math import comb, prod
from operator import mul

import numpy as np
from flint import fmpz_poly

from checker.arithmetic import PRODUCT_LIMIT, Array, bound, integer_array, product_down, shift_up
from checker.certificate import Check, Group
from checker.errors import Declined, Rejected
from checker.meter import Meter
from checker.terms import Gaps, Terms, interval_product_down

MAX_SUMS_AT_ONCE = 2**20
MAX_SUMS = 2**22
MAX_LEVELS = 64

Rule = Callable[[Terms, Group, Check, list[int]], int]


def group_size(group: Group, positions: int) -> int:
    """The number of inputs in `group`: its label occurs, and no larger token does."""
    label, others = group.label, positions - 1
    if group.first_query == label:
        return (label + 1) ** others
    queries = group.last_query - group.first_query + 1
    return queries * ((label + 1) ** others - label**others)


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
        uncovered = np.flatnonzero(np.logical_or.reduceat(~covered, cuts[:-1]))
        classes = [
            c
            for c in (uncovered.tolist() if check.classes is None else list(check.classes))
            if (cuts[c], cuts[c + 1]) != (group.label, group.label + 1)
        ]
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
        raise Rejected(
            f"{group}: {check.rule}: expected bands of tokens below {group.label}, found {tokens} tokens"
        )
    cuts = [0]
    for count, width in check.bands:
        cuts += range(cuts[-1] + width, cuts[-1] + count * width + 1, width)
    return cuts


def last_term(
    terms: Terms, query: int, label: int, gaps: Gaps, classes: list[int], bits: int
) -> Array:
    """A lower bound of the last position's term, class by class."""
    lower, upper = terms.token_weights(query, label, [query], -1, bits)
    gap = gaps.eu[query] + gaps.ov[query] + gaps.positions[-1]
    terms.meter.add("last", 5 * len(classes), 8 * len(classes))
    return interval_product_down(lower, upper, gap[classes], bits)


def level_bounds(
    terms: Terms, group: Group, check: Check, classes: list[int]
) -> tuple[list[int], list[int], Array, list[int]]:
    """Lower bounds of the terms that `check_levels` adds up.

    Returns, class by class, the bound for the last position and the one for the label elsewhere; the
    array [level, class] of the bounds for the tokens of a level; and the number of tokens in each level.
    """
    label, bits = group.label, check.bits
    cuts = band_cuts(group, check)
    sizes = [b - a for a, b in zip(cuts, cuts[1:], strict=False)]
    queries = range(group.first_query, group.last_query + 1)
    within = sum(sizes[1:]) - len(sizes[1:])
    count = len(queries) * (within + len(sizes)) + (len(queries) - 1) * (len(sizes) + 2 * len(classes))
    count += len(classes) * (within + 3 * len(sizes) + 3 + len(sizes) - len(check.levels))
    terms.meter.add("levels", count, 2 * count)

    gaps = terms.gaps(label, bits, check.partition, classes)
    lasts = [last_term(terms, q, label, gaps, classes, bits) for q in queries]
    eu = gaps.eu[queries.start : queries.stop, classes].min(axis=0)
    fixed_gap = eu + gaps.positions[:-1, classes].min(axis=0)
    ov = gaps.ov[:, classes]
    low, high = zip(*[terms.label_weight(q, bits) for q in queries], strict=True)
    label_term = interval_product_down(
        integer_array([min(low)], (1,)), integer_array([max(high)], (1,)), fixed_gap + ov[label], bits
    )
    level_terms, level_sizes = np.zeros((0, len(classes)), dtype=np.int64), []
    if sizes:
        weights = [terms.band_weights(q, label, cuts, bits) for q in queries]
        weight = integer_array([max(column) for column in zip(*weights, strict=True)], (len(sizes), 1))
        gap = fixed_gap + np.minimum.reduceat(ov[: cuts[-1]], cuts[:-1], axis=0)
        band_terms = np.minimum(product_down(weight, gap, bits), 0)
        starts = [0, *accumulate(check.levels[:-1])]
        level_terms = np.minimum.reduceat(band_terms, starts, axis=0)
        level_sizes = np.add.reduceat(sizes, starts).tolist()
    return np.minimum.reduce(lasts).tolist(), label_term.tolist(), level_terms, level_sizes


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
    Operations: per class and band an addition, a multiplication and a comparison; per query and band
    a division; the extrema over bands that do not start at token 0 and over the queries.
    """
    last, label_term, level_terms, sizes = level_bounds(terms, group, check, classes)
    queries = group.last_query - group.first_query + 1
    passing = count_levels(
        last,
        label_term,
        level_terms,
        sizes,
        terms.tables.model.positions - 1,
        0 if group.first_query == group.label else 1,
        check.margin,
        terms.meter,
    )
    return group_size(group, terms.tables.model.positions) - queries * passing


def count_levels(
    last: list[int],
    label_term: list[int],
    level_terms: Array,
    sizes: list[int],
    others: int,
    labels: int,
    margin: int,
    meter: Meter,
) -> int:
    """The number of sequences of `others` tokens, `labels` or more of them the label and the rest in
    levels, for which last + sum of terms >= margin in every class.

    `last` and `label_term` [class], `level_terms` [level, class], `sizes` [level]. Branches on how many
    tokens are the label, then on how many are in the level that does worst in the class that does
    worst, until all or none of the rest pass or two levels are left. Raises `Declined` for more than
    MAX_LEVELS levels.
    """
    classes = range(len(last))

    def count(base: list[int], free: int, levels: tuple[int, ...]) -> int:
        """How many sequences of `free` tokens in `levels` pass, with `base` already summed."""
        if not free or not levels:
            meter.add("levels", len(last), len(last))
            return 1 if not free and min(base) >= margin else 0
        if len(levels) == 1:
            meter.add("levels", 3 * len(last), 3 * len(last))
            term = terms[levels[0]]
            passing = all(base[c] + free * term[c] >= margin for c in classes)
            return int(sizes[levels[0]] ** free) if passing else 0
        if len(levels) == 2:
            return count_two(base, free, *levels)
        operations = len(last) * (3 * len(levels) + 4)
        meter.add("levels", operations, operations)
        low = [base[c] + free * min(terms[b][c] for b in levels) for c in classes]
        if min(low) >= margin:
            return int(sum(sizes[b] for b in levels) ** free)
        if any(base[c] + free * max(terms[b][c] for b in levels) < margin for c in classes):
            return 0
        worst = low.index(min(low))
        level = min(levels, key=lambda b: terms[b][worst])
        rest = tuple(b for b in levels if b != level)
        worst_everywhere = all(terms[level][c] <= terms[b][c] for b in rest for c in classes)
        passing = 0
        for k in range(free + 1):
            more = count([base[c] + k * terms[level][c] for c in classes], free - k, rest)
            if not more and worst_everywhere:
                break
            passing += comb(free, k) * sizes[level] ** k * more
        return passing

    def count_two(base: list[int], free: int, level: int, other: int) -> int:
        """The same for two levels: with k tokens in `level`, the sum in each class, less the margin, is
        slack - k * step, so that the passing k are an interval."""
        meter.add("levels", 6 * len(last), 6 * len(last))
        first, end = 0, free
        for c in classes:
            step = terms[other][c] - terms[level][c]
            slack = base[c] + free * terms[other][c] - margin
            if step > 0:
                end = min(end, slack // step)
            elif step < 0:
                first = max(first, -(slack // -step))
            elif slack < 0:
                return 0
        return sum(
            comb(free, k) * sizes[level] ** k * sizes[other] ** (free - k)
            for k in range(first, end + 1)
        )

    meter.add("levels", len(last) * (len(sizes) + 4), len(last) * (len(sizes) + 4))
    least = level_terms.min(axis=0).tolist() if sizes else label_term
    worst = [min(pair) for pair in zip(least, label_term, strict=True)]
    if all(
        last[c] + labels * label_term[c] + (others - labels) * worst[c] >= margin for c in classes
    ):
        return (sum(sizes) + 1) ** others - (sum(sizes) ** others if labels else 0)
    if len(sizes) > MAX_LEVELS:
        raise Declined(f"levels: {len(sizes)} levels, limit max_levels = {MAX_LEVELS}")
    terms, everything, passing = level_terms.tolist(), tuple(range(len(sizes))), 0
    for k in range(labels, others + 1):
        meter.add("levels", 4 * len(last), 4 * len(last))
        base = [last[c] + k * label_term[c] for c in classes]
        if worst == least and all(
            base[c] + (others - k) * least[c] >= margin for c in classes
        ):
            # The label does no worse than any level, so that more labels pass as well.
            return passing + sum(
                comb(others, more) * sum(sizes) ** (others - more)
                for more in range(k, others + 1)
            )
        passing += comb(others, k) * count(base, others - k, everything)
    return passing


def position_bounds(
    terms: Terms, group: Group, check: Check, classes: list[int]
) -> tuple[Array, list[Array], list[int]]:
    """Lower bounds of the terms of a group of one query, each token at each position by itself.

    Returns the bounds [class] for the last position; for every other position the bounds [class, band],
    the least over the tokens of a band, with the label as one more band at the end; and the number of
    tokens in each band.
    Operations: per token and position two for the weight; per class two additions, a multiplication
    and two comparisons more.
    """
    label, bits, query = group.label, check.bits, group.first_query
    if query != group.last_query:
        raise Rejected(f"{group}: {check.rule}: expected one query, found several")
    cuts = band_cuts(group, check)
    gaps = terms.gaps(label, bits, check.partition, classes)
    tokens = [*range(cuts[-1]), label]
    gap = (gaps.eu[query] + gaps.ov)[np.ix_(tokens, classes)]
    bounds = []
    for j in range(terms.tables.model.positions - 1):
        lower, upper = terms.token_weights(query, label, tokens, j, bits)
        terms.meter.add(check.rule, 5 * gap.size, 9 * gap.size)
        term = interval_product_down(
            lower[:, None], upper[:, None], gap + gaps.positions[j, classes], bits
        )
        bounds.append(np.minimum.reduceat(term, cuts, axis=0).T)
    sizes = [b - a for a, b in zip(cuts, cuts[1:], strict=False)] + [1]
    return last_term(terms, query, label, gaps, classes, bits), bounds, sizes


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
    if group.first_query == group.label:
        boxes = [[slice(None)] * others]
    else:  # by the position at which the label occurs first
        boxes = [
            [slice(below)] * j + [slice(below, None)] + [slice(None)] * (others - j - 1)
            for j in range(others)
        ]
    boxes = [box for box in boxes if below or slice(below) not in box]
    for box in boxes:
        widths = [len(sizes[chosen]) for chosen in box]
        count = len(classes) * (sum(accumulate(widths, mul)) + prod(widths))
        terms.meter.add("enumerate", count, count)
    small = bound(base) + sum(map(bound, bounds)) < PRODUCT_LIMIT
    small &= (sum(sizes)) ** others < PRODUCT_LIMIT
    dtype = np.int64 if small else object
    base, size = base.astype(dtype), np.array(sizes, dtype=dtype)
    passing = sum(
        count_sums(
            base,
            [(row[:, chosen].astype(dtype), size[chosen]) for row, chosen in zip(bounds, box, strict=True)],
            check.margin,
        )
        for box in boxes
    )
    return group_size(group, others + 1) - passing


def count_sums(base: Array, box: Sequence[tuple[Array, Array]], margin: int) -> int:
    """The number of sequences of tokens, one token of a band of each of the positions in `box`, for
    which base plus the bounds of their bands is `margin` or more in every class.

    `base` [class]; for each position in `box`, bounds [class, band] and sizes [band]."""
    if prod(len(sizes) for _, sizes in box) * len(base) > MAX_SUMS_AT_ONCE and len(box) > 1:
        bounds, sizes = box[0]
        return sum(
            int(size) * count_sums(base + column, box[1:], margin)
            for column, size in zip(bounds.T, sizes, strict=True)
        )
    sums, copies = base[:, None], np.ones(1, dtype=base.dtype)
    for bounds, sizes in box:
        sums = (sums[:, :, None] + bounds[:, None, :]).reshape(len(base), -1)
        copies = (copies[:, None] * sizes).ravel()
    return int(copies[(sums >= margin).all(axis=0)].sum())


def check_convolution(terms: Terms, group: Group, check: Check, classes: list[int]) -> int:
    """Rule `convolution`: how many inputs of `group` are left out, for outputs in `classes`.

    Premises: enclosed tables; one query; bands below the label. Conclusion: with the smallest bound of
    each term over the classes, rounded down to a multiple of 2**step units, an input is certified if
    its n bounds add up to `margin` or more; inputs with a token of no band are left out. Sequences are
    counted by their sum, position after position: those of all bands and the label, less those without
    the label.
    Failure: several queries; a band reaches the label; the label's weight may be zero; more than
    MAX_SUMS different sums.
    Operations: those of `position_bounds` and a comparison per bound, then for every position an
    addition and a multiplication for every sum so far and every band.
    """
    base, bounds, sizes = position_bounds(terms, group, check, classes)
    step, free = check.step, group.first_query == group.label
    last = int(base.min()) >> step
    rows = [[k >> step for k in row.min(axis=0).tolist()] for row in bounds]
    sums = [1, *accumulate((max(row) - min(row) for row in rows), initial=1)]
    if sums[-1] > MAX_SUMS:
        raise Declined(f"{group}: convolution: {sums[-1]} sums, limit max_sums = {MAX_SUMS}")
    count = len(rows) * len(sizes) * len(classes) + (1 if free else 2) * 2 * len(sizes) * sum(sums[1:-1])
    terms.meter.add("convolution", count, count)
    passing = count_convolution(last, rows, sizes, check.margin, step)
    if not free:
        passing -= count_convolution(
            last, [row[:-1] for row in rows], sizes[:-1], check.margin, step
        )
    return group_size(group, len(rows) + 1) - passing


def count_convolution(
    last: int, rows: list[list[int]], sizes: list[int], margin: int, step: int
) -> int:
    """The number of sequences of tokens, one token of a band at each position, for which `last` plus
    the entries of `rows` [position][band], times 2**step, is `margin` or more."""
    if not sizes:
        return 0
    sequences, least = fmpz_poly([1]), last
    for row in rows:
        counts = [0] * (max(row) - min(row) + 1)
        for k, size in zip(row, sizes, strict=True):
            counts[k - min(row)] += size
        sequences *= fmpz_poly(counts)
        least += min(row)
    needed = shift_up(margin, -step) - least
    return int(sum(sequences.coeffs()[max(0, needed) :]))


RULES: dict[str, Rule] = {
    "levels": check_levels,
    "enumerate": check_enumerate,
    "convolution": check_convolution,
}
