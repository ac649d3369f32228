"""Group rules: how many inputs of a group are certified, from bounds of the terms of their
margins."""

from collections.abc import Sequence
from functools import reduce
from itertools import accumulate, chain
from math import comb, prod
from operator import ge, le, mul, or_

import numpy as np

from checker.arithmetic import PRODUCT_LIMIT, Array, bound, product_down
from checker.certificate import Check, Group
from checker.errors import Declined, Rejected
from checker.meter import PYTHON, Meter
from checker.terms import Gaps, Terms

MAX_SUMS_AT_ONCE = 2**18
MAX_LEVELS = 64

Levels = tuple[list[int], list[list[int]], list[int]]
Positions = tuple[Array, list[Array], list[int]]


def group_size(group: Group, positions: int) -> int:
    """The number of inputs in `group`: its label occurs, and no larger token does."""
    others = positions - 1
    return len(group.queries) * ((group.label + 1) ** others - group.labels * group.label**others)


def certified_inputs(terms: Terms, group: Group) -> int:
    """How many inputs of `group` its checks certify: all but those that some check leaves out.
    They are weighed by `terms.weighing`, if there is one.

    Raises `Rejected` if an output other than the label is covered by no check.
    """
    certified, weighing = group_size(group, terms.tables.model.positions), terms.weighing
    if weighing is not None:
        weighing.start(group)
    covered = 1 << group.label  # one bit for each output
    for check in group.checks:
        cuts = terms.partitions[check.partition]
        chosen = check.classes if check.classes is not None else range(len(cuts) - 1)
        missing = ~(1 << group.label if check.classes is not None else covered)
        classes = [c for c in chosen if missing >> cuts[c] & (1 << cuts[c + 1] - cuts[c]) - 1]
        covered = reduce(or_, ((1 << cuts[c + 1]) - (1 << cuts[c]) for c in classes), covered)
        price = 160 * PYTHON + 64 * len(cuts) + 4 * group.label * len(classes)
        terms.meter.add(check.rule, 0, price)
        if classes:
            certified -= RULES[check.rule](terms, group, check, classes)
    uncovered = ~covered & ((1 << terms.tables.model.outputs) - 1)
    if uncovered:
        first = (uncovered & -uncovered).bit_length() - 1
        raise Rejected(f"{group}: expected a check of every output, found none of output {first}")
    if weighing is not None:
        weighing.end()
    return max(0, certified)


def band_cuts(group: Group, check: Check) -> list[int]:
    """Where the bands of `check` begin, and where the last one ends. Raises `Rejected`."""
    tokens = sum(count * width for count, width in check.bands)
    if tokens > group.label:
        raise Rejected(f"{group}: {check.rule}: expected bands below {group.label}, found {tokens} tokens")
    return list(accumulate((width for count, width in check.bands for _ in range(count)), initial=0))


def last_term(terms: Terms, group: Group, gaps: Gaps, bits: int) -> Array:
    """A lower bound of the last position's term, class by class."""
    queries = group.queries
    terms.add_weights(len(queries), bits)
    ends = [terms.token_weights(group.label, q, (q,), -1, bits) for q in queries]
    weights = [low for [low], _ in ends], [high for _, [high] in ends]
    rows, size = slice(queries[0], queries[-1] + 1), len(queries) * gaps[0].shape[1]
    terms.meter.add("last", 5 * size, 64 * size + terms.long_gaps("last", bits, size))
    gap = gaps[0][rows] + gaps[1][rows] + gaps[2][-1]
    longest = terms.tables.longest[bits]
    return product_down(weights, gap, longest, bits, "last", terms.meter).min(axis=0)


def level_bounds(terms: Terms, group: Group, check: Check, classes: list[int]) -> Levels:
    """Lower bounds of the terms that `check_levels` adds up.

    Returns the bound [class] for the last position; the bounds [level][class] for the tokens of
    every level, with the label as one more level at the end; and the number of tokens in each.
    """
    terms.meter.release()
    label, bits, cuts = group.label, check.bits, band_cuts(group, check)
    queries, bands, wide = group.queries, len(cuts) - 1, len(classes)
    # Comparisons within the bands that do not start at token 0, and then of the bands in each
    # level.
    within = sum(b - a - 1 for a, b in zip(cuts[1:], cuts[2:], strict=False))
    count = len(queries) * (within + bands) + (len(queries) - 1) * (bands + 2 * wide)
    count += wide * (within + 4 * bands - len(check.levels) + 3)
    terms.meter.add("levels", count, 64 * count)
    gaps = eu, ov, positions = terms.gaps(label, bits, check.partition, classes)
    entries = wide * (len(queries) + len(positions) + cuts[-1] + 4 * bands + 4)
    terms.meter.add("levels", 0, terms.long_gaps("levels", bits, entries))
    upper, own = terms.level_weights(queries, label, cuts, bits)
    # A band's bound is at most 0, as if a weight of 0 were possible, for which gaps above 0 count
    # nothing.
    weights = [*[0] * bands, own], [*upper, 1 << bits]
    if cuts[-1] < label:
        ov = ov[[*range(cuts[-1]), label]]
    least = eu[queries[0] : queries[-1] + 1].min(axis=0) + positions[:-1].min(axis=0)
    gap = np.minimum.reduceat(ov, cuts, axis=0) + least
    starts = list(accumulate(check.levels, initial=0))
    products = product_down(weights, gap, terms.tables.longest[bits], bits, "levels", terms.meter)
    level_terms = np.minimum.reduceat(products, starts, axis=0)
    sizes = [*(cuts[b] - cuts[a] for a, b in zip(starts, starts[1:], strict=False)), 1]
    return last_term(terms, group, gaps, bits).tolist(), level_terms.tolist(), sizes


def check_levels(terms: Terms, group: Group, check: Check, classes: list[int]) -> int:
    """Rule `levels`: how many inputs of `group` are left out, for outputs in `classes`.

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
    bounds, positions = level_bounds(terms, group, check, classes), terms.tables.model.positions
    passing = count_levels(bounds, positions - 1, group.labels, check.margin, terms.meter)
    if terms.weighing is not None:
        terms.weighing.levels(bounds, check.margin)
    return group_size(group, positions) - len(group.queries) * passing


def count_levels(bounds: Levels, others: int, labels: int, margin: int, meter: Meter) -> int:
    """The number of sequences of `others` tokens of any level, `labels` or more of them the label,
    for which the bounds add up to `margin` or more in every class.

    `bounds` are that of the last position [class]; those of tokens [level][class], where the last
    level is the label; and the number of tokens in each level.

    Branches on how many tokens are the label, then on how many are in the level before it, and so
    on; the numbers that pass of tokens in the first two levels are an interval. Raises `Declined`
    for more than MAX_LEVELS levels.
    """
    last, terms, sizes = bounds
    if len(sizes) > MAX_LEVELS + 1:
        raise Declined(f"levels: {len(sizes) - 1} levels, limit max_levels = {MAX_LEVELS}")
    # At least two levels, of which one may have no tokens.
    terms, sizes = (terms, sizes) if len(sizes) > 1 else (terms * 2, [0, 1])
    wide, tokens = len(last), list(accumulate(sizes))
    # Those least terms; the margin taken from `last`; the second level's term less the first one's.
    meter.add("levels", wide * (len(sizes) - 1), wide * len(sizes) * PYTHON)
    # Level by level from the first on: the least term of the levels so far, class by class.
    least = list(accumulate(terms, lambda a, b: list(map(min, a, b))))
    longest = max(map(abs, chain([margin], last, *terms))).bit_length()
    price = (16 + wide + others) * PYTHON // 4 + wide * (longest // 16)

    def several(free: int, level: int, numbers: range) -> int:
        """How many sequences of `free` tokens in levels up to `level` have one of `numbers` in
        it."""
        meter.add("levels", 0, len(numbers) * (PYTHON + 6 * free))
        size, rest = sizes[level], tokens[level - 1]
        return sum(comb(free, k) * size**k * rest ** (free - k) for k in numbers)

    def count(base: list[int], free: int, level: int, atleast: int = 0) -> int:
        """How many sequences of `free` tokens in levels up to `level`, `atleast` of them in it,
        pass."""
        # An addition to come here; then one quotient, or a comparison with the least sum, with what
        # leads to it.
        meter.add("levels", wide * (5 if level == 1 else 1 if atleast else 4), price)
        term, rest, passing = terms[level], tokens[level - 1], 0
        if level == 1:
            return several(free, 1, passing_numbers((base, terms[0], term), free, atleast))
        if not atleast and all(a + free * b >= 0 for a, b in zip(base, least[level], strict=True)):
            return tokens[level] ** free
        for k in range(atleast, free + 1):
            more = count([a + k * b for a, b in zip(base, term, strict=True)], free - k, level - 1)
            if not more and all(map(le, term, least[level - 1])):
                break  # nor do any with more tokens of this level
            # Where all pass with k tokens of a level that is the greatest, so do all with more.
            if more == rest ** (free - k) and all(map(ge, term, least[level - 1])):
                return passing + several(free, level, range(k, free + 1))
            passing += comb(free, k) * sizes[level] ** k * more
        return passing

    return count([a - margin for a in last], others, len(sizes) - 1, labels)


def passing_numbers(sums: Sequence[list[int]], free: int, atleast: int) -> range:
    """The numbers k from `atleast` to `free` with a + (free - k) * b + k * c >= 0 in every class,
    for the three `sums` a, b, c [class]: how many of `free` tokens are in the level of c."""
    start, end = atleast, free
    for a, b, c in zip(*sums, strict=True):
        none, every = a + free * b, a + free * c  # in between, the sum grows or falls evenly
        if none < 0 and every < 0:
            return range(0)
        if none < 0:
            start = max(start, -(none // (c - b)))
        elif every < 0:
            end = min(end, none // (b - c))
    return range(start, end + 1)


def position_bounds(terms: Terms, group: Group, check: Check, classes: list[int]) -> Positions:
    """Lower bounds of the terms of a group of one query, each token at each position by itself.

    Returns the bounds [class] for the last position; for every other position the bounds [class,
    band], the least over the tokens of a band, with the label as one more band at the end; and the
    number of tokens in each band. Raises `Rejected` if there are several queries.
    Operations: per token and position two for the weight; per class two additions, a multiplication
    and two comparisons more.
    """
    label, bits, query = group.label, check.bits, group.first_query
    if query != group.last_query:
        raise Rejected(f"{group}: {check.rule}: expected one query, found several")
    terms.meter.release()
    cuts = band_cuts(group, check)
    gaps = eu, ov, positions = terms.gaps(label, bits, check.partition, classes)
    tokens, others = [*range(cuts[-1]), label], len(positions) - 1
    size = others * len(tokens) * len(classes)
    terms.meter.add(check.rule, 5 * size, 64 * size + terms.long_gaps("enumerate", bits, size))
    terms.add_weights(others * len(tokens), bits)
    # The gaps [position, token, class], and the ends of the weights likewise.
    gap = (eu[query] + ov)[tokens] + positions[:-1, None]
    ends = [terms.token_weights(label, query, tokens, j, bits) for j in range(others)]
    weights = [k for low, _ in ends for k in low], [k for _, high in ends for k in high]
    longest = terms.tables.longest[bits]
    products = product_down(weights, gap, longest, bits, "enumerate", terms.meter)
    bounds = list(np.minimum.reduceat(products, cuts, axis=1).transpose(0, 2, 1))
    return last_term(terms, group, gaps, bits), bounds, np.diff([*cuts, cuts[-1] + 1]).tolist()


def check_enumerate(terms: Terms, group: Group, check: Check, classes: list[int]) -> int:
    """Rule `enumerate`: how many inputs of `group` are left out, for outputs in `classes`.

    Premises: enclosed tables; one query; bands below the label. Conclusion: an input is certified
    if, in every class, the bounds of its n terms, each for its own band and position, add up to
    `margin` or more; inputs with a token of no band are left out. Every sequence of bands is tried.
    Failure: several queries; a band reaches the label; the label's weight may be zero.
    Operations: those of `position_bounds`, then one addition for every prefix of a sequence and one
    comparison for every sequence, in every class.
    """
    base, bounds, sizes = position_bounds(terms, group, check, classes)
    others, below = len(bounds), len(sizes) - 1
    every, lower, label = slice(None), slice(below), slice(below, None)
    boxes = [[every] * others]
    if group.labels:  # by the position at which the label occurs first
        firsts = range(others if below else 1)
        boxes = [[lower] * j + [label] + [every] * (others - j - 1) for j in firsts]
    if terms.weighing is not None:
        terms.weighing.boxes((base, bounds, sizes), boxes, check.margin)
    most = max(bound(base) + sum(map(bound, bounds)), sum(sizes) ** others)
    word = 1 if most < PRODUCT_LIMIT else 48 + most.bit_length() // 16
    for box in boxes:
        widths = [len(sizes[chosen]) for chosen in box]
        sums = sum(accumulate(widths, mul)) + prod(widths)
        price = max(5, 5 * len(classes) // 8 + 2) * sums * word
        terms.meter.add("enumerate", len(classes) * sums, price)
    dtype, at_once = np.int64 if word == 1 else object, MAX_SUMS_AT_ONCE // word
    base, copies = base.astype(dtype, copy=False), np.array(sizes, dtype)
    bounds, passing = [row.astype(dtype, copy=False) for row in bounds], 0
    for box in boxes:
        spans = [(row[:, part], copies[part]) for row, part in zip(bounds, box, strict=True)]
        passing += count_sums(base, spans, check.margin, at_once)
    return group_size(group, others + 1) - passing


def count_sums(base: Array, box: Sequence[tuple[Array, Array]], margin: int, at_once: int) -> int:
    """The number of sequences of tokens, one token of a band of each of the positions in `box`, for
    which base plus the bounds of their bands is `margin` or more in every class.

    `base` [class]; for each position in `box`, bounds [class, band] and sizes [band]. No more than
    `at_once` sums are formed at a time, unless the last position alone has more."""
    if prod(len(sizes) for _, sizes in box) * len(base) > at_once and len(box) > 1:
        each = zip(box[0][0].T, box[0][1], strict=True)
        counts = (int(k) * count_sums(base + row, box[1:], margin, at_once) for row, k in each)
        return sum(counts)
    sums, copies = base[:, None], np.ones(1, dtype=base.dtype)
    for bounds, sizes in box:
        sums = (sums[:, :, None] + bounds[:, None, :]).reshape(len(base), -1)
        copies = (copies[:, None] * sizes).ravel()
    return int(copies[(sums >= margin).all(axis=0)].sum())


RULES = {"levels": check_levels, "enumerate": check_enumerate}
