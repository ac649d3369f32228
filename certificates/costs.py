"""Proof length as formulas: what the kernel's meter counts, in the sizes of the model and the proof.

`docs/operations.md` defines an operation and `docs/rules.md` derives the count of each rule. Where a
proof adapts to its model, the formula is in totals over the checks of its certificate (`totals`).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from math import prod
from typing import Any

import numpy as np
import sympy  # type: ignore[import-untyped]

from certificates.short import Cut
from certificates.strategies import CLASSES, STRATEGIES
from checker.certificate import TABLES, Certificate, Check, Group
from checker.models.attention_only import ExactModel

Expr = Any  # SymPy has no types
Values = dict[sympy.Symbol, int]


def _sizes(names: str) -> tuple[sympy.Symbol, ...]:
    return tuple(sympy.symbols(names, integer=True, nonnegative=True))


# The model: vocabulary, outputs, positions, width, head width.
v, v_out, K, d, d_head = _sizes("v v_out K d d_head")
PATHS = {
    "QK": (v, d, d_head, d, v),
    "OV": (v, d, d_head, d, v_out),
    "EU": (v, d, v_out),
}

# One check. Q queries, C classes, B bands in L levels, T tokens in bands; W comparisons for the extrema of
# bands (one for each token in a band but the first, and none in the first band, for which running
# extrema are kept). Operations for each class that depend on more than these sizes: N to count by levels
# (`counting`), E to try every sequence (`sequences`).
CHECK_SIZES = Q, C, B, L, T, W, N, E = _sizes("Q C B L T W N E")
# The label, the outputs in a class, and how many ends of an exponential's enclosure the proof needs.
m, w, ends = _sizes("m w ends")


class chain(sympy.Function):  # type: ignore[misc]
    """chain(a, b, ..., z): the operations of the product of matrices [a, b], ..., [y, z], of two neighbours
    always those that take the fewest; a product of two takes a z multiplications of b terms and their sums."""

    @classmethod
    def eval(cls, *sizes: Expr) -> Expr | None:
        if len(sizes) <= 3:
            return sizes[0] * sizes[2] * (2 * sizes[1] - 1) if len(sizes) == 3 else sympy.Integer(0)
        if not all(isinstance(size, sympy.Integer) for size in sizes):
            return None
        costs = [a * c * (2 * b - 1) for a, b, c in zip(sizes, sizes[1:], sizes[2:], strict=False)]
        least = costs.index(min(costs))
        return costs[least] + cls(*sizes[: least + 1], *sizes[least + 2 :])


def low_rank(sizes: Sequence[Expr], matrices: Sequence[int], ranks: Sequence[Expr]) -> Expr:
    """Rule `low_rank` for a path of `sizes`, cut into factors of so many `matrices`, with hints of
    these ranks (0 for no hint)."""
    rows, columns, count = sizes[0], sizes[-1], len(matrices)
    starts = [sum(matrices[:i]) for i in range(count + 1)]
    cost = 2 * rows * sizes[starts[1]] + 2 * columns * sizes[starts[-2]]  # the norms of rows, columns
    cost += chain(rows, *[1] * (count - 1), columns) + 2 * rows * columns  # the bound, its difference and sum
    cost += max(0, sum(rank != 0 for rank in ranks) - 1) * rows * columns
    for i, rank in enumerate(ranks):
        top, bottom = sizes[starts[i]], sizes[starts[i + 1]]
        cost += chain(*sizes[starts[i] : starts[i + 1] + 1])
        if rank != 0:
            cost += chain(top, rank, bottom) + top * bottom  # what the hint leaves
            for j in range(i):
                cost += chain(sizes[starts[j]], sizes[starts[j + 1]], rank)
            rest = [sizes[start] for start in starts[i + 1 :]]
            cost += chain(rank, bottom, *rest[1:]) + chain(rows, rank, columns)
        if 0 < i < count - 1:
            cost += top * (top + 1) * (bottom + top) + top**2 + 1  # its operator norm
    return sympy.expand(cost)


def sequences(below: Expr, free: bool) -> Expr:
    """Operations per class of rule `enumerate` to try every sequence of `below` bands and the label:
    an addition for each prefix and a comparison for each sequence. Unless they are `free`, the label
    occurs, and sequences are grouped by where it occurs first."""
    i = sympy.Symbol("i", integer=True, positive=True)
    every = below + 1
    if free:
        return sympy.Sum(every**i, (i, 1, K - 1)) + every ** (K - 1)
    prefixes = sympy.Sum((K - 2 - i) * below**i + every**i, (i, 1, K - 1))
    return prefixes + every ** (K - 1) - below ** (K - 1)


def counting(levels: int, others: Expr, free: bool) -> tuple[Expr, Expr]:
    """Bounds of the operations per class, `N`, of counting sequences of `others` tokens by `levels`, with
    the label at least once unless they are `free`.

    The least is what it takes where all inputs pass at once. The most is for a search that spares no
    branch: one on how many tokens are the label, then on how many are in the last level, and so on, which
    ends with five operations for what is left when there are two.
    """
    first = sympy.Integer(max(1, levels))
    if levels < 2:
        return first + 5, first + 5
    n, i = sympy.symbols("n i", integer=True, nonnegative=True)
    branches = sympy.Integer(5)
    for _ in range(2, levels):
        branches = 4 + sympy.summation(branches.subs(n, i), (i, 0, n))
    below = sympy.summation(branches.subs(n, i), (i, 0, n if free else n - 1)).subs(n, others)
    if free:
        return first + 4, sympy.expand(first + 4 + below)
    return first + 1 + (5 if levels == 2 else 4), sympy.expand(first + 1 + below)


# Operations of each rule, by what they are counted for.
RULE_COSTS: dict[str, dict[str, Expr]] = {
    "embedding": {"model": v * d},
    "exact": {
        **{f"table {name}": chain(*path) for name, path in PATHS.items()},
        "model": chain(v, d, d_head, d, K) + chain(K, d, d_head, d, v_out),
    },
    "low_rank": {
        "table EU of ranks r and 1": low_rank(PATHS["EU"], (1, 1), (sympy.Symbol("r"), 1)),
    },
    "round": {"table": sympy.Integer(0)},
    "scores": {"model": d * d_head + 1},
    "exponential": {"model": ends * v**2 + v * K},
    "gaps": {
        "class": (2 * v + K) * sympy.Max(0, 2 * w - 3),
        "class and label": 3 * m + 2 * K,
    },
    "weights": {
        "query": v + 2 * K - 3,
        "check by levels": 2 * ends * Q,
        "other check": 2 * ends * (Q + (K - 1) * (T + 1)),
    },
    "last": {"check": 5 * Q * C},
    "levels": {"check": Q * (W + B) + (Q - 1) * (B + 2 * C) + C * (W + 4 * B - L + 3 + N)},
    "enumerate": {"check": C * (5 * (K - 1) * (T + 1) + E)},
    "margin": {"model": v * v_out},
    "distribution": {"model": sympy.Integer(0)},
}
# Over a certificate: different classes and what `gaps` counts for them, added up; pairs of a class and a
# label, and their labels added up; different queries of `levels` checks.
class_comparisons, pairs, pair_labels, queries = _sizes("class_comparisons pairs pair_labels queries")
budget = sympy.Symbol("budget", integer=True, nonnegative=True)
GROUP_RULES = ("levels", "enumerate")


def summed(rule: str, cost: Expr) -> Expr:
    """What a check of the rule costs, added up over the checks of a certificate.

    The symbol levels_QC, say, is the sum of Q C over the checks of the rule `levels`.
    """
    terms = sympy.Poly(sympy.expand(cost), *CHECK_SIZES).terms()
    return sum(coefficient * _total(rule, powers) for powers, coefficient in terms)


def _total(rule: str, powers: Sequence[int]) -> sympy.Symbol:
    factors = "".join(str(size) * k for size, k in zip(CHECK_SIZES, powers, strict=True))
    return sympy.Symbol(f"{rule}_{factors or 'checks'}", integer=True, nonnegative=True)


def table_costs(cuts: Mapping[str, Cut]) -> dict[str, Expr]:
    """The operations by rule before any group, for tables that are enclosed by low rank as `cuts` says
    and exactly where it says nothing."""
    exact, approximated = RULE_COSTS["exact"]["model"], sympy.Integer(0)
    for table in TABLES:
        if table in cuts:
            ranks = rank_symbols(table, cuts[table])
            approximated += low_rank(PATHS[table], cuts[table].matrices, ranks)
        else:
            exact += RULE_COSTS["exact"][f"table {table}"]
    costs = {"embedding": RULE_COSTS["embedding"]["model"], "exact": exact}
    return costs | ({"low_rank": approximated} if cuts else {})


def weight_costs(cuts: Mapping[str, Cut]) -> dict[str, Expr]:
    """The operations by rule of the attention weights, which any group needs."""
    exponentials = RULE_COSTS["exponential"]["model"].subs(ends, ends_of_weights(cuts))
    return {"scores": RULE_COSTS["scores"]["model"], "exponential": exponentials}


def ends_of_weights(cuts: Mapping[str, Cut]) -> int:
    """How many ends of each weight's enclosure a verifier with real numbers computes, too."""
    return 2 if "QK" in cuts else 1


def group_costs(rules: Sequence[str], cuts: Mapping[str, Cut]) -> dict[str, Expr]:
    """The operations by rule of groups whose checks are of these rules."""
    weights = queries * RULE_COSTS["weights"]["query"] if "levels" in rules else 0
    for rule in rules:
        kind = "check by levels" if rule == "levels" else "other check"
        weights += summed(rule, RULE_COSTS["weights"][kind].subs(ends, ends_of_weights(cuts)))
    return {
        "gaps": class_comparisons + 3 * pair_labels + 2 * K * pairs,
        "weights": weights,
        "last": sum(summed(rule, RULE_COSTS["last"]["check"]) for rule in rules),
        **{rule: summed(rule, RULE_COSTS[rule]["check"]) for rule in rules},
    }


def rank_symbols(table: str, cut: Cut) -> list[Expr]:
    """The rank of each factor's hint: a number, or a symbol where it grows with the width."""
    return [
        sympy.Symbol(f"r_{table}_{i + 1}", integer=True, positive=True)
        if rank.per_width
        else sympy.Integer(rank.constant)
        for i, rank in enumerate(cut.ranks)
    ]


def brute_force_groups() -> Expr:
    """The groups of `brute-force`: for every label and query, each token below the label a band."""
    sizes = {C: v_out - 1, B: m, T: m, Q: 1}
    each = RULE_COSTS["enumerate"]["check"] + RULE_COSTS["last"]["check"]
    each = (each + RULE_COSTS["weights"]["other check"]).subs(sizes | {ends: 1})
    by_label = (
        m * each.subs(E, sequences(m, free=False))
        + each.subs(E, sequences(m, free=True))
        + (v_out - 1) * RULE_COSTS["gaps"]["class and label"]
    )
    return sympy.Sum(by_label, (m, 0, v - 1))


def formula(strategy: str) -> Expr:
    """The operations of a strategy's proofs, in sizes of the model, ranks and totals (`totals`).

    `auto` has no more than its budget.
    """
    if strategy == "auto":
        return budget
    if strategy == "trivial":
        return sympy.Integer(0)
    return prepared(strategy) + groups(strategy)


def prepared(strategy: str) -> Expr:
    """The operations of a strategy before any group: tables and attention weights."""
    cuts = CLASSES.get(strategy, {})
    return sum((table_costs(cuts) | weight_costs(cuts)).values())


def groups(strategy: str) -> Expr:
    """The operations of a strategy's groups."""
    if strategy == "brute-force":
        return brute_force_groups()
    rules = GROUP_RULES if strategy == "exact" else GROUP_RULES[:1]
    return sum(group_costs(rules, CLASSES.get(strategy, {})).values())


def unexplained_dimensions(strategy: str) -> Expr:
    """How many real numbers the groups of a proof depend on, in the sense of Gross et al., appendix A.2.

    An exact table counts its entries, as in their estimate for the cubic proof; brute force all its
    logits. A table of low rank counts the entries of its hints, and a bound for each row, each column
    and each norm: this is our adaptation (`docs/strategies.md`).
    """
    if strategy == "trivial":
        return sympy.Integer(0)
    if strategy == "brute-force":
        return v**K * v_out
    cuts = CLASSES.get(strategy, {})
    count = K * v + K * v_out
    for table, sizes in PATHS.items():
        if table not in cuts:
            count += sizes[0] * sizes[-1]
            continue
        cut, start = cuts[table], 0
        count += sizes[0] + sizes[-1] + len(cut.matrices) - 2
        for matrices, rank in zip(cut.matrices, rank_symbols(table, cut), strict=True):
            count += rank * (sizes[start] + sizes[start + matrices])
            start += matrices
    return sympy.expand(count)


# How a table's enclosure grows, for a fixed cut of its path, where v_out and d_head grow as v and d do;
# r is the rank that grows with the width.
TABLE_CLASSES = {
    (): "v^2 d",
    (1, 1): "v d r + v^2 r",
    (3, 1): "v d^2 + v^2 r",
    (1, 2, 1): "d^3 + v d r + v^2 r",
}
# The same for groups: there are G <= v (v + 1) / 2 of them, with at most C classes and T tokens each.
GROUP_CLASSES = {
    "brute-force": "v^(K+1)",
    "exact": "v^2 C T + sequences counted",
}


def asymptotic_class(strategy: str) -> str:
    """How a strategy's operations grow, by what they are for; nothing of a strategy that is not listed."""
    if strategy not in STRATEGIES:
        return ""
    if strategy in ("trivial", "auto"):
        return "1" if strategy == "trivial" else "budget"
    cuts = CLASSES.get(strategy, {})
    by_class: dict[str, list[str]] = {}
    for table in TABLES:
        shape = cuts[table].matrices if table in cuts else ()
        by_class.setdefault(TABLE_CLASSES[shape], []).append(table)
    parts = [f"{', '.join(tables)}: {growth}" for growth, tables in by_class.items()]
    parts.append(f"groups: {GROUP_CLASSES.get(strategy, 'G C T')}")
    return "; ".join(parts)


def strategy_costs() -> list[tuple[str, str, str, str]]:
    """For every strategy its name, operations, asymptotic class and unexplained dimensions, as text.

    In the operations, `groups` and `counts` stand for what is in `LEGEND`.
    """
    rows = []
    for name in STRATEGIES:
        dimensions = "-" if name == "auto" else str(unexplained_dimensions(name))
        rows.append((name, _operations_text(name), asymptotic_class(name), dimensions))
    return rows


def _operations_text(strategy: str) -> str:
    if strategy in ("auto", "trivial", "brute-force"):
        return str(formula(strategy))
    return f"{prepared(strategy)} + groups" + (" + counts" if strategy == "exact" else "")


LEGEND = {
    "chain(a, b, ..., z)": "the product of matrices a x b, ..., y x z, the cheapest neighbours first",
    "groups": str(groups("sub-cubic")),
    "counts": str(groups("exact") - groups("sub-cubic")),
}


# The symbols of sums over checks.
TOTALS = {
    symbol
    for cost in group_costs(GROUP_RULES, {}).values()
    for symbol in cost.free_symbols
    if symbol.name.split("_")[0] in GROUP_RULES
}


def totals(model: ExactModel, certificate: Certificate, spared: bool) -> Values:
    """The value of every symbol in `formula` for a certificate.

    Counting by levels takes at least what it takes when all branches are `spared`, and at most what
    it takes when none is.
    """
    values: Values = {v: model.vocabulary, v_out: model.outputs, K: model.positions}
    values |= {d: model.width, d_head: model.head_width}
    for name, table in zip(TABLES, certificate.tables, strict=True):
        for i, factor in enumerate(table):
            rank = factor.hint[0].columns if factor.hint else 0
            values[sympy.Symbol(f"r_{name}_{i + 1}", integer=True, positive=True)] = rank
    sums = dict.fromkeys(TOTALS, 0)
    seen_classes: set[tuple[int, int]] = set()
    seen_pairs: set[tuple[int, int, int]] = set()
    seen_queries: set[int] = set()
    for group in certificate.groups:
        for check, classes in covering(certificate, group, model.outputs):
            seen_classes.update(classes)
            seen_pairs.update((*found, group.label) for found in classes)
            if check.rule == "levels":
                seen_queries.update(group.queries)
            sizes = check_sizes(group, check, len(classes), model.positions, spared)
            for symbol in sums:
                rule, _, factors = symbol.name.rpartition("_")
                if rule == check.rule:
                    names = "" if factors == "checks" else factors
                    sums[symbol] += prod(sizes[name] for name in names)
    values |= sums
    values[class_comparisons] = (2 * model.vocabulary + model.positions) * sum(
        max(0, 2 * width - 3) for _, width in seen_classes
    )
    values[pairs], values[queries] = len(seen_pairs), len(seen_queries)
    values[pair_labels] = sum(label for _, _, label in seen_pairs)
    return values


def covering(certificate: Certificate, group: Group, outputs: int) -> Iterator[tuple[Check, list[tuple[int, int]]]]:
    """The checks of a group that cover any output, with the classes (first output, outputs) of each."""
    covered = np.zeros(outputs, dtype=bool)
    covered[group.label] = True
    for check in group.checks:
        cuts = certificate.partitions[check.partition]
        chosen = range(len(cuts) - 1) if check.classes is None else check.classes
        classes = [(cuts[c], cuts[c + 1] - cuts[c]) for c in chosen]
        if check.classes is None:
            classes = [(a, width) for a, width in classes if not covered[a : a + width].all()]
        classes = [found for found in classes if found != (group.label, 1)]
        for a, width in classes:
            covered[a : a + width] = True
        if classes:
            yield check, classes


def check_sizes(group: Group, check: Check, classes: int, positions: int, spared: bool) -> dict[str, int]:
    """The values of CHECK_SIZES for one check, by name."""
    tokens = sum(count * width for count, width in check.bands)
    bands = sum(count for count, _ in check.bands)
    free = not group.labels
    least, most = _counting(len(check.levels), positions - 1, free)
    return {
        "Q": len(group.queries),
        "C": classes,
        "B": bands,
        "L": len(check.levels),
        "T": tokens,
        "W": tokens - bands - (check.bands[0][1] - 1) if bands else 0,
        "N": least if spared else most,
        "E": 0 if check.rule == "levels" else _sequences(bands, free, positions),
    }


@cache
def _counting(levels: int, others: int, free: bool) -> tuple[int, int]:
    least, most = counting(levels, sympy.Integer(others), free)
    return int(least), int(most)


@cache
def _sequences(bands: int, free: bool, positions: int) -> int:
    return evaluate(sequences(sympy.Integer(bands), free), {K: positions})


def evaluate(cost: Expr, values: Values) -> int:
    """The value of a formula; every one of its symbols must have one."""
    return int(cost.subs(values).doit())
