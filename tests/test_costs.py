"""The formulas of `certificates.costs` are what the meter counts, and the pages about rules, operations and
strategies name what there is.

A count by levels depends on which branches it is spared. There a formula gives a least and a most, which
are equal to the meter where all branches are spared and where none is. Everything else is equal.
"""

import random
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest
import sympy
from small_models import Model, certificate_file, kernel_terms, model_file, shipped

from certificates import costs
from certificates.short import Cut, Rank, low_rank_tables
from certificates.strategies import STRATEGIES, prove
from checker.certificate import TABLES, Certificate, Check, Group, Table, parse_certificate
from checker.check import Verdict, check
from checker.groups import RULES, position_bounds
from checker.model import ExactModel, parse_model

ROOT = Path(__file__).parent.parent
# Vocabulary, outputs, positions, width, head width.
SIZES = [(4, 4, 2, 5, 2), (6, 8, 3, 4, 3), (9, 9, 3, 6, 6), (5, 5, 4, 8, 4), (11, 12, 2, 16, 5)]
# Every table cut in every way that the strategies know, and in others.
CUTS = [
    {},
    {"QK": Cut((3, 1), (Rank(2), Rank(1)))},
    {"QK": Cut((1, 2, 1), (Rank(2), Rank(1), Rank(2))), "EU": Cut((1, 1), (Rank(3), Rank(1)))},
    {"QK": Cut((1, 1, 1, 1), (Rank(1), Rank(2), Rank(1), Rank(2)))},
    {"OV": Cut((3, 1), (Rank(1), Rank(2))), "EU": Cut((1, 1), (Rank(1), Rank(2)))},
    {"OV": Cut((2, 2), (Rank(2), Rank(2))), "QK": Cut((1, 3), (Rank(1), Rank(1)))},
]
# Few levels, for which a search that fails everywhere is spared no branch.
FEW_LEVELS = 2


def capable_model(sizes: Sequence[int], seed: int) -> Model:
    """A model that gets (nearly) every input right: attention picks out the largest token, whose value
    t votes 2 t o - o^2 for output o, at its largest for o = t. Two dimensions hold the token and two
    its vote; there is noise on the rest."""
    vocabulary, outputs, positions, width, head_width = sizes
    generator = random.Random(seed)

    def noise(rows: int, columns: int) -> list[list[Fraction]]:
        return [
            [Fraction(generator.randint(-64, 64), 2**14) for _ in range(columns)]
            for _ in range(rows)
        ]

    model = {
        "W_E": noise(vocabulary, width),
        "W_pos": noise(positions, width),
        "W_Q": noise(width, head_width),
        "W_K": noise(width, head_width),
        "W_V": noise(width, head_width),
        "W_O": noise(head_width, width),
        "W_U": noise(width, outputs),
    }
    for token, row in enumerate(model["W_E"]):
        row[0], row[1] = Fraction(token, 8), Fraction(1)
    model["W_Q"][1][0], model["W_K"][0][0] = Fraction(32), Fraction(16)
    model["W_V"][0][0] = model["W_V"][1][1] = Fraction(1)
    model["W_O"][0][2] = model["W_O"][1][3] = Fraction(16)
    for output in range(outputs):
        model["W_U"][2][output] += Fraction(2 * output, 8)
        model["W_U"][3][output] -= Fraction(output**2, 64)
    return model


def expected(
    model: ExactModel, certificate: Certificate, cuts: dict[str, Cut], spared: bool
) -> dict[str, int]:
    """The operations by rule, by the formulas; S of convolutions is added by the caller."""
    rules = {check.rule for group in certificate.groups for check in group.checks}
    formulas = costs.table_costs(cuts) | costs.weight_costs(cuts)
    formulas |= costs.group_costs(sorted(rules))
    values = costs.totals(model, certificate, spared)
    return {rule: costs.evaluate(cost, values) for rule, cost in formulas.items()}


def random_groups(
    model: ExactModel, partitions: Sequence[Sequence[int]], seed: int, margin: int
) -> Iterator[Group]:
    """Groups of random checks, which claim nothing, so that all are accepted."""
    generator = random.Random(seed)
    for label in range(model.vocabulary):
        query = 0
        while query <= label:
            most = label - 1 if query < label else label
            last = min(most, query + generator.randint(0, 2))
            checks = []
            for number in range(generator.randint(1, 2)):
                rule = generator.choice(sorted(RULES)) if query == last else "levels"
                bands, left = [], label
                while left and generator.random() < 0.8:
                    width = generator.choice([k for k in range(1, left + 1)])
                    if not bands or bands[-1][1] != width:
                        bands.append((1, width))
                        left -= width
                count = len(bands)
                levels = ()
                if rule == "levels" and count:
                    levels = (count - 1, 1) if count > 1 and generator.random() < 0.5 else (count,)
                    if generator.random() < 0.3:
                        levels = (1,) * count
                partition = generator.randrange(len(partitions))
                classes = None
                if number == 0 and generator.random() < 0.5:
                    every = range(len(partitions[partition]) - 1)
                    classes = tuple(sorted(generator.sample(every, generator.randint(1, len(every)))))
                step = 30 if rule == "convolution" else 0
                checks.append(
                    Check(rule, 40, margin, partition, classes, tuple(bands), levels, step)
                )
            rest = Check("levels", 40, margin, 0, None, (), ())
            yield Group(label, query, last, 0, (*checks, rest))
            query = last + 1


def convolution_sums(data: bytes, certificate: Certificate) -> int:
    """S of each convolution times 2 (B + 1), added up: it depends on how far bounds lie apart."""
    terms = kernel_terms(data, certificate)
    total = 0
    for group in certificate.groups:
        for step, found in costs.covering(certificate, group, terms.tables.model.outputs):
            if step.rule != "convolution":
                continue
            cuts = certificate.partitions[step.partition]
            classes = [cuts.index(first) for first, _ in found]
            _, bounds, sizes = position_bounds(terms, group, step, classes)
            rows = [[k >> step.step for k in row.min(axis=0).tolist()] for row in bounds]
            ranges = accumulate((max(row) - min(row) for row in rows[:-1]), initial=1)
            sums = sum(ranges) * (1 if group.first_query == group.label else 2)
            total += 2 * len(sizes) * sums
    return total


def metered(data: bytes, certificate: bytes) -> tuple[Verdict, dict[str, int]]:
    verdict = check(data, certificate)
    assert (verdict.verdict, verdict.reason) == ("accepted", "")
    assert sum(verdict.operations_by_rule.values()) == verdict.operations
    return verdict, {rule: count for rule, count in verdict.operations_by_rule.items() if count}


def tables(data: bytes, cuts: dict[str, Cut]) -> tuple[Table, ...]:
    return low_rank_tables(parse_model(data), cuts) if cuts else (Table(),) * len(TABLES)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cuts", CUTS)
def test_rules_by_themselves(sizes: tuple[int, ...], cuts: dict[str, Cut]) -> None:
    seed = sum(sizes) + CUTS.index(cuts)
    data = model_file(capable_model(sizes, seed))
    model = parse_model(data)
    outputs = model.outputs
    partitions = [(*range(outputs + 1),), (0, outputs), (0, 1, 3, outputs)]
    groups = list(random_groups(model, partitions, seed, margin=1))
    file = certificate_file(data, groups, partitions, tables=tables(data, cuts))
    certificate = parse_certificate(file, model)
    least = expected(model, certificate, cuts, spared=True)
    most = expected(model, certificate, cuts, spared=False)
    sums = convolution_sums(data, certificate)
    _, found = metered(data, file)
    for formulas in (least, most):
        if "convolution" in formulas:
            formulas["convolution"] += sums
    levels = found.pop("levels")
    assert least.pop("levels") <= levels <= most.pop("levels")
    assert {rule: count for rule, count in least.items() if count} == found
    assert least == most


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("margin", "spared"), [(1, True), (2**80, False)])
def test_counting_by_levels_at_its_least_and_most(
    sizes: tuple[int, ...], margin: int, spared: bool
) -> None:
    data = model_file(capable_model(sizes, seed=0))
    model = parse_model(data)
    partition = (*range(model.outputs + 1),)
    groups = []
    for label in range(model.vocabulary):
        shapes = [(), ((1, label),), ((label, 1),)] if label else [()]
        for query in range(label + 1):
            bands = shapes[(label + query) % len(shapes)]
            count = sum(run for run, _ in bands)
            levels = (count - 1, 1) if count > 1 else (count,) * bool(count)
            groups.append(
                Group(label, query, query, 0, (Check("levels", 40, margin, 0, None, bands, levels),))
            )
    file = certificate_file(data, groups, [partition])
    _, found = metered(data, file)
    assert found == expected(model, parse_certificate(file, model), {}, spared)


def test_most_of_counting_by_levels_in_closed_form() -> None:
    # What `docs/rules.md` says.
    k = sympy.Symbol("k", integer=True, positive=True)
    assert [costs.counting(levels, k)[1] for levels in range(4)] == [
        5 * k + 4,
        7 * k + 3,
        10 * k + 1,
        3 * k**2 + 15 * k - 6,
    ]


def test_products_in_their_cheapest_order() -> None:
    assert costs.chain(64, 32, 64) == 64 * 64 * 63
    assert costs.chain(64, 32, 32, 32, 64) == (32 * 32 + 64 * 32 + 64 * 64) * 63
    assert costs.chain(*costs.PATHS["QK"]).doit().subs(
        {costs.v: 64, costs.d: 32, costs.d_head: 32}
    ) == costs.chain(64, 32, 32, 32, 64)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "auto"])
def test_strategies(sizes: tuple[int, ...], strategy: str) -> None:
    """Equal where no count by levels branches; else the meter is between least and most."""
    data = model_file(capable_model(sizes, seed=1))
    certificate = prove(data, strategy)
    verdict, _ = metered(data, certificate)
    model = parse_model(data)
    parsed = parse_certificate(certificate, model)
    if strategy != "trivial":
        assert verdict.correct_at_least > 0.5 * verdict.total
    cost = costs.formula(strategy)
    least, most = (
        costs.evaluate(cost, costs.totals(model, parsed, spared)) for spared in (True, False)
    )
    assert least <= verdict.operations <= most
    if strategy in ("trivial", "brute-force"):
        assert least == most


@pytest.mark.parametrize("strategy", ["sub-cubic", "low-rank", "quadratic-QK-low-rank-EU", "exact"])
def test_strategies_on_a_trained_model(strategy: str) -> None:
    data = model_file(shipped("max-of-4-seed-0"))
    certificate = prove(data, strategy)
    verdict, _ = metered(data, certificate)
    model = parse_model(data)
    parsed = parse_certificate(certificate, model)
    cost = costs.formula(strategy)
    least, most = (
        costs.evaluate(cost, costs.totals(model, parsed, spared)) for spared in (True, False)
    )
    # The adaptive part leaves little room.
    assert least <= verdict.operations <= most <= 1.15 * least
