"""Search for short proofs: one `levels` check per group, with as few bands and classes as will do.

For a label and a range of queries, a *box* has a threshold: the tokens below it (far) form one level of
a few bands; of the tokens from the threshold to the label (near) there may be only a few, as its `Near`
pattern says. Other inputs are left out, unless the kernel finds that they pass as well. The outputs are
covered by classes of neighbours, halved only where a class fails. What a box certifies (its gain, in
inputs) is weighed against the operations of its check (its cost): for a given price of an operation,
the best box of every group and the best division of the queries into ranges follow by exhaustion.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
import numpy.typing as npt

from certificates.prover import Prover
from checker.certificate import Check, Group
from checker.terms import Cuts, class_gaps

# Tokens in the bands just below the threshold, from the top; one more band holds the rest.
SCHEMES: tuple[tuple[int, ...], ...] = ((), (1,), (1, 3), (1, 1, 1, 2, 3, 5, 8))
QUERY_WIDTHS = (1, 2, 4, 8, 16)

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Near:
    """How many near tokens a box allows: `top` of the largest `top_size` tokens below the label, and in
    all `top + rest` tokens from the threshold on."""

    top_size: int
    top: int
    rest: int


NO_NEAR = Near(0, 0, 0)


@dataclass(frozen=True)
class Candidates:
    """All boxes for the ranges of `width` queries of one label.

    `gain` and `cost` [range, scheme, threshold, near]; `passing` holds, for each partition from single
    outputs to one class, which classes pass [range, scheme, threshold, near, class].
    """

    first_queries: list[int]
    width: int
    gain: Floats
    cost: Floats
    passing: list[Bools]


class BoxSearch:
    """The candidates of every group of a model under proof."""

    def __init__(self, prover: Prover, whole: bool = False) -> None:
        """With `whole`, only boxes that leave no input of their group out."""
        self.prover = prover
        self.model = prover.model
        self.others = self.model.positions - 1
        self.whole = whole
        self.near = [NO_NEAR] if whole else near_patterns(self.others)
        self.partitions = halvings(self.model.outputs)
        self._read_tables()
        self.candidates = [self._label(label) for label in range(self.model.vocabulary)]

    def _read_tables(self) -> None:
        """The kernel's enclosures in floating point."""
        tables = self.prover.terms.tables
        one = 1 << tables.certificate.exponential_bits
        as_floats = lambda rows: np.array([[k / one for k in row] for row in rows])  # noqa: E731
        self.token_low, self.token_high = map(as_floats, tables.weights[0])
        low, high = map(as_floats, tables.weights[1])
        top = np.maximum(low[:, :-1].max(axis=1), 1e-300)
        self.label_low = low[:, :-1].min(axis=1) / high[:, :-1].max(axis=1)
        self.last_low, self.last_high = low[:, -1] / high[:, :-1].max(axis=1), high[:, -1] / top
        self.fixed = tables.fixed(self.prover.bits)

    def thresholds(self, label: int) -> list[int]:
        """Candidate thresholds: every token near the label, and some below."""
        if self.whole:
            return [label]
        near = range(label, max(-1, label - 17), -1)
        return [*near, *range(label - 20, -1, -6)]

    def _label(self, label: int) -> list[Candidates]:
        model, queries = self.model, np.arange(label + 1)
        unit = 2.0**-self.prover.bits
        gaps = [
            np.concatenate(
                [class_gaps(table, rows, label, cuts).astype(np.float64) * unit for cuts in self.partitions],
                axis=1,
            )
            for table, rows in (
                (self.fixed[0], label + 1),
                (self.fixed[1], label + 1),
                (self.fixed[2], model.positions),
            )
        ]
        eu, ov, positions = gaps
        label_low = np.maximum(self.token_low[: label + 1, [label]], 1e-250)
        ratio = self.token_high[: label + 1, : label + 1] / label_low
        last_gap = eu + ov + positions[-1]
        own_high = ratio[queries, queries] * self.last_high[: label + 1]
        own_low = self.token_low[queries, queries] / self.token_high[: label + 1, label] * self.last_low[: label + 1]
        last = np.where(last_gap > 0, own_low[:, None], own_high[:, None]) * last_gap
        fixed = eu + positions[:-1].min(axis=0)
        result = []
        for width in QUERY_WIDTHS:
            firsts = list(range(0, label - width + 1, width))
            if width == 1:
                firsts.append(label)
            if not firsts:
                continue
            rows = np.add.outer(firsts, range(width))
            result.append(
                self._ranges(
                    label,
                    firsts,
                    width,
                    fixed[rows].min(axis=1),
                    last[rows].min(axis=1),
                    self.label_low[rows].min(axis=1),
                    ratio[rows].max(axis=1),
                    ov,
                )
            )
        return result

    def _ranges(
        self,
        label: int,
        firsts: list[int],
        width: int,
        fixed: Floats,
        last: Floats,
        label_low: Floats,
        ratio: Floats,
        ov: Floats,
    ) -> Candidates:
        thresholds, others = self.thresholds(label), self.others
        label_gap = fixed + ov[label]
        label_term = np.where(label_gap > 0, label_low[:, None], 1.0) * label_gap
        labels = np.array([[0.0 if first == label else 1.0] for first in firsts])
        base = last + labels * label_term

        def term(start: int, end: int) -> Floats:
            if start >= end:
                return np.zeros_like(fixed)
            gap = fixed + ov[start:end].min(axis=0)
            return np.minimum(0.0, ratio[:, start:end].max(axis=1)[:, None] * gap)

        shape = (len(firsts), len(SCHEMES), len(thresholds), len(self.near))
        passing = np.zeros((*shape, fixed.shape[1]), dtype=bool)
        for j, threshold in enumerate(thresholds):
            near_term = {
                size: (term(label - size, label), term(threshold, label - size))
                for size in {near.top_size for near in self.near}
                if size < label - threshold
            }
            for i, scheme in enumerate(SCHEMES):
                far, end = np.zeros_like(fixed), threshold
                for size in (*scheme, end):
                    start = max(0, end - size)
                    far, end = np.minimum(far, term(start, end)), start
                far_term = np.minimum(far, label_term)
                for k, near in enumerate(self.near):
                    if near is not NO_NEAR and near.top_size not in near_term:
                        continue
                    value = base + np.maximum(others - labels - near.top - near.rest, 0) * far_term
                    if near is not NO_NEAR:
                        top, rest = near_term[near.top_size]
                        rest = np.minimum(rest, far_term)
                        value = value + near.rest * rest + near.top * np.minimum(top, rest)
                    passing[:, i, j, k] = value > 0
        split = np.cumsum([len(cuts) - 1 for cuts in self.partitions])[:-1]
        levels = np.split(passing, split, axis=-1)
        count = np.where(levels[0], 1.0, np.inf)
        count[..., label] = 0.0
        for level in levels[1:]:
            halves = np.add.reduceat(count, range(0, count.shape[-1], 2), axis=-1)
            count = np.where(level, np.minimum(1.0, halves), halves)
        classes = count[..., 0]
        gain = np.array(
            [
                [self._gain(label, threshold, near, alone) for near in self.near]
                for alone in (False, True)
                for threshold in thresholds
            ]
        ).reshape(2, 1, len(thresholds), len(self.near))
        alone = [int(first == label) for first in firsts]
        cost = self._cost(classes, width, label, thresholds)
        return Candidates(firsts, width, np.where(np.isfinite(classes), width * gain[alone], 0.0), cost, levels)

    def _gain(self, label: int, threshold: int, near: Near, alone: bool) -> float:
        """The inputs of one query in a box: the label at least once unless the query is the label."""
        others, above = self.others, label - threshold - near.top_size
        if above < 0:
            return 0.0
        return float(
            sum(
                comb(others, labels)
                * comb(others - labels, top)
                * near.top_size**top
                * comb(others - labels - top, rest)
                * above**rest
                * threshold ** (others - labels - top - rest)
                for labels in range(0 if alone else 1, others + 1)
                for top in range(min(near.top, others - labels) + 1)
                for rest in range(min(near.top + near.rest, others - labels) - top + 1)
            )
        )

    def _cost(self, classes: Floats, width: int, label: int, thresholds: list[int]) -> Floats:
        """The operations of the check, as the kernel's meter counts them, but for branches that it may
        spare and with gaps shared evenly by the queries of a label."""
        levels = [1 + (near is not NO_NEAR) + bool(near.top_size) for near in self.near]
        near_levels = np.array(levels, dtype=float)[None, None, None, :]
        within = np.array([sum(s) - len(s) for s in SCHEMES], dtype=float)[None, :, None, None]
        bands = np.array([len(s) + 1 for s in SCHEMES], dtype=float)[None, :, None, None]
        above = label - np.array(thresholds)[None, None, :, None]
        within = within + np.where(near_levels > 1, above - near_levels + 1, 0)
        bands = bands + near_levels - 1
        classes = np.minimum(classes, 1e9)
        cost = width * (within + bands) + (width - 1) * (bands + 2 * classes)
        cost = cost + classes * (within + 4 * bands - near_levels + 3)
        cost = cost + width * (2 + 5 * classes) + 3 * classes
        counting = np.choose(near_levels.astype(int), [0, 6, 20, 60])
        return np.asarray(cost + counting * classes)

    def groups(self, price: float) -> Iterator[Group]:
        """The best groups when an operation costs `price` inputs."""
        for label, by_width in enumerate(self.candidates):
            choices: dict[tuple[int, int], tuple[float, list[tuple[Candidates, int, int]]]] = {}
            for candidates in by_width:
                shape = candidates.gain.shape
                score = (candidates.gain - price * candidates.cost).reshape(shape[0], -1)
                best = score.argmax(axis=1)
                for i, first in enumerate(candidates.first_queries):
                    value = float(score[i, best[i]])
                    own = (value, [(candidates, i, int(best[i]))]) if value > 0 else (0.0, [])
                    width = candidates.width
                    if width > 1:
                        half = width // 2
                        left = choices[first, half]
                        right = choices[first + half, half]
                        parts = (left[0] + right[0], left[1] + right[1])
                        own = max(own, parts, key=lambda choice: choice[0])
                    choices[first, width] = own
            yield from self._written(label, choices)

    def _written(self, label: int, choices: dict[Any, Any]) -> Iterator[Group]:
        """The groups of one label, by ascending queries, from the widest ranges on."""
        query = 0
        while query <= label:
            width = next(w for w in reversed(QUERY_WIDTHS) if (query, w) in choices)
            for candidates, i, flat in choices[query, width][1]:
                yield self.group(label, candidates, i, flat)
            query += width

    def group(self, label: int, candidates: Candidates, i: int, flat: int) -> Group:
        """The group of range `i` with the box numbered `flat` of its candidates."""
        shape = candidates.gain.shape[1:]
        scheme, j, k = (int(index) for index in np.unravel_index(flat, shape))
        threshold, near = self.thresholds(label)[j], self.near[k]
        cuts = self.cover(label, [level[i, scheme, j, k] for level in candidates.passing])
        sizes = bands_below(threshold, SCHEMES[scheme])
        levels = [len(sizes)] if sizes else []
        if near is not NO_NEAR:
            above = [label - threshold - near.top_size]
            if near.top_size:
                above.append(near.top_size)
            sizes += above
            levels += [1] * len(above)
        first = candidates.first_queries[i]
        group = Group(label, first, first + candidates.width - 1, 0, ())
        check = Check("levels", self.prover.bits, 1, self.prover.partition(cuts), None, runs(sizes), tuple(levels))
        return Group(label, group.first_query, group.last_query, 0, (check,))

    def cover(self, label: int, passing: list[Bools]) -> Cuts:
        """The fewest classes that pass, halved only where they fail, and every output that fails alone."""
        outputs = self.model.outputs

        def starts(level: int, c: int) -> list[int]:
            first, end = self.partitions[level][c], self.partitions[level][c + 1]
            if passing[level][c] or level == 0:
                return [first]
            halves = starts(level - 1, 2 * c)
            if 2 * c + 1 < len(passing[level - 1]):
                halves += starts(level - 1, 2 * c + 1)
            return [first] if (first, end) == (label, label + 1) else halves

        return (*starts(len(passing) - 1, 0), outputs)


def near_patterns(others: int) -> list[Near]:
    """Patterns worth trying, for inputs of `others` tokens before the last."""
    most = min(others - 1, 8)
    single = [Near(0, 0, rest) for rest in (1, 2, 3, 5, 8) if rest <= most]
    pairs = ((0, 2), (0, 4), (1, 1), (1, 3), (2, 3)) if others > 4 else ()
    double = [Near(1, top, rest) for top, rest in pairs if top + rest <= most]
    return [NO_NEAR, *single, *double]


def halvings(outputs: int) -> list[Cuts]:
    """Partitions of the outputs into classes of 1, 2, 4, ... neighbours, up to a single class."""
    widths = [1]
    while widths[-1] < outputs:
        widths.append(2 * widths[-1])
    return [(*range(0, outputs, width), outputs) for width in widths]


def bands_below(threshold: int, scheme: tuple[int, ...]) -> list[int]:
    """The tokens in each band, from the lowest: those of `scheme` end at the threshold, from the top,
    and one band holds the rest."""
    sizes: list[int] = []
    for size in (*scheme, threshold):
        left = threshold - sum(sizes)
        if left:
            sizes.append(min(size, left))
    return sizes[::-1]


def runs(sizes: list[int]) -> tuple[tuple[int, int], ...]:
    """Bands of the given sizes, as runs of (how many bands, tokens in each)."""
    result: list[tuple[int, int]] = []
    for size in sizes:
        if result and result[-1][1] == size:
            result[-1] = (result[-1][0] + 1, size)
        else:
            result.append((1, size))
    return tuple(result)
