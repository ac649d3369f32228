"""The formulas of `certificates.costs` are what the meter counts, and the pages about rules, operations and
strategies name what there is.

A count by levels depends on which branches it is spared. There a formula gives a least and a most, which
are equal to the meter where all branches are spared and where none is. Everything else is equal.
"""

import ast
import random
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import sympy  # type: ignore[import-untyped]
from published import ATTENTION_MEAN, OUR_STRATEGY, published_name
from small_models import shipped

from certificates import costs
from certificates.short import Cut, Rank, low_rank_tables
from certificates.strategies import STATISTICAL, STRATEGIES, prove
from checker.certificate import TABLES, Certificate, Check, Group, Table
from checker.certificate_file import parse_certificate
from checker.check import check
from checker.models.attention_only import ExactModel, parse_model
from checker.rules.registry import GROUP_RULES
from checker.verdict import Verdict
from fuzzing.certificates import certificate_file
from fuzzing.models import Model, model_file

ROOT = Path(__file__).parent.parent
RULE_NAMES = [rule.name for rule in GROUP_RULES]
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


def capable_model(sizes: Sequence[int], seed: int) -> Model:
    """A model that gets (nearly) every input right: attention picks out the largest token, whose value
    t votes 2 t o - o^2 for output o, at its largest for o = t. Two dimensions hold the token and two
    its vote; there is noise on the rest."""
    vocabulary, outputs, positions, width, head_width = sizes
    generator = random.Random(seed)

    def noise(rows: int, columns: int) -> list[list[Fraction]]:
        return [[Fraction(generator.randint(-64, 64), 2**14) for _ in range(columns)] for _ in range(rows)]

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
    model["W_Q"][1][0], model["W_K"][0][0] = Fraction(8), Fraction(16)
    model["W_V"][0][0] = model["W_V"][1][1] = Fraction(1)
    model["W_O"][0][2] = model["W_O"][1][3] = Fraction(16)
    for output in range(outputs):
        model["W_U"][2][output] += Fraction(2 * output, 8)
        model["W_U"][3][output] -= Fraction(output**2, 64)
    return model


def expected(model: ExactModel, certificate: Certificate, cuts: dict[str, Cut], spared: bool) -> dict[str, int]:
    """The operations by rule, by the formulas."""
    rules = {check.rule for group in certificate.groups for check in group.checks}
    formulas = costs.table_costs(cuts) | costs.weight_costs(cuts)
    formulas |= costs.group_costs(sorted(rules), cuts)
    values = costs.totals(model, certificate, spared)
    return {rule: costs.evaluate(cost, values) for rule, cost in formulas.items()}


def random_groups(model: ExactModel, partitions: Sequence[Sequence[int]], seed: int) -> Iterator[Group]:
    """Groups of random checks of all inputs, which claim nothing, so that all are accepted."""
    generator = random.Random(seed)
    for label in range(model.vocabulary):
        query = 0
        while query <= label:
            last = label if query == label else min(label - 1, query + generator.randint(0, 2))
            rules = sorted(RULE_NAMES) if query == last else ["levels"]
            checks = [random_check(generator, label, rules, partitions) for _ in range(2)]
            rest = Check("levels", 40, 1, 0, None, (), ())
            yield Group(label, query, last, 0, (*checks, rest))
            query = last + 1


def random_check(
    generator: random.Random, label: int, rules: Sequence[str], partitions: Sequence[Sequence[int]]
) -> Check:
    rule = generator.choice(rules)
    bands: list[tuple[int, int]] = []
    left = label
    while left and generator.random() < 0.8:
        width = generator.randint(1, left)
        if not bands or bands[-1][1] != width:
            bands.append((1, width))
            left -= width
    levels: tuple[int, ...] = ()
    if rule == "levels" and bands:
        shapes = [(len(bands),), (1,) * len(bands)]
        if len(bands) > 1:
            shapes.append((len(bands) - 1, 1))
        levels = generator.choice(shapes)
    partition = generator.randrange(len(partitions))
    every = range(len(partitions[partition]) - 1)
    classes = tuple(sorted(generator.sample(every, generator.randint(1, len(every)))))
    chosen = generator.choice([None, classes])
    return Check(rule, 40, 1, partition, chosen, tuple(bands), levels)


def metered(data: bytes, certificate: bytes) -> tuple[Verdict, dict[str, int]]:
    verdict = check(data, certificate)
    assert (verdict.verdict, verdict.reason) == ("accepted", "")
    assert sum(verdict.operations_by_rule.values()) == verdict.operations
    return verdict, {rule: count for rule, count in verdict.operations_by_rule.items() if count}


def tables(data: bytes, cuts: dict[str, Cut]) -> tuple[Table, ...]:
    return low_rank_tables(parse_model(data), cuts) if cuts else ((),) * len(TABLES)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("cuts", CUTS)
def test_rules_by_themselves(sizes: tuple[int, ...], cuts: dict[str, Cut]) -> None:
    seed = sum(sizes) + CUTS.index(cuts)
    data = model_file(capable_model(sizes, seed))
    model = parse_model(data)
    outputs = model.outputs
    partitions = [(*range(outputs + 1),), (0, outputs), (0, 1, 3, outputs)]
    groups = list(random_groups(model, partitions, seed))
    rough = tables(data, cuts)
    file = certificate_file(data, groups, partitions, exponential_bits=2048, tables=rough)
    certificate = parse_certificate(file)
    least = expected(model, certificate, cuts, spared=True)
    most = expected(model, certificate, cuts, spared=False)
    _, found = metered(data, file)
    assert least.pop("levels") <= found.pop("levels") <= most.pop("levels")
    assert least == most == found


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("margin", "spared"), [(1, True), (2**80, False)])
def test_counting_by_levels_at_its_least_and_most(sizes: tuple[int, ...], margin: int, spared: bool) -> None:
    """Of several levels where all inputs pass, of up to one level where none does."""
    data = model_file(capable_model(sizes, seed=0))
    model = parse_model(data)
    groups = []
    for label in range(model.vocabulary):
        for query in range(label + 1):
            bands = (((1, label),), ((label, 1),), ())[query % 3] if label else ()
            count = sum(run for run, _ in bands)
            levels = (count - 1, 1) if spared and count > 1 else (count,) * bool(count)
            step = Check("levels", 40, margin, 0, None, bands, levels)
            groups.append(Group(label, query, query, 0, (step,)))
    file = certificate_file(data, groups, [(*range(model.outputs + 1),)])
    _, found = metered(data, file)
    assert found == expected(model, parse_certificate(file), {}, spared)


def test_most_of_counting_by_levels_in_closed_form() -> None:
    """As `docs/rules.md` has it."""
    n = sympy.Symbol("n", integer=True, nonnegative=True)
    found = [costs.counting(levels, n, free=False)[1] for levels in range(4)]
    forms = [6, 6, 5 * n + 3, n * (5 * n + 13) / 2 + 4]
    assert [sympy.expand(form) for form in forms] == found


def test_products_of_the_cheapest_neighbours_first() -> None:
    assert costs.chain(64, 32, 64) == 64 * 64 * 63
    assert costs.chain(64, 32, 32, 32, 64) == (32 * 32 + 64 * 32 + 64 * 64) * 63
    symbolic = costs.chain(*costs.PATHS["QK"])
    assert symbolic.subs({costs.v: 64, costs.d: 32, costs.d_head: 32}) == costs.chain(64, 32, 32, 32, 64)


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "auto"])
def test_strategies(sizes: tuple[int, ...], strategy: str) -> None:
    """Equal where no count by levels branches; else the meter is between least and most."""
    data = model_file(capable_model(sizes, seed=1))
    certificate = prove(data, strategy)
    verdict, _ = metered(data, certificate)
    model = parse_model(data)
    parsed = parse_certificate(certificate)
    if strategy != "trivial":
        assert verdict.correct_at_least > 0.5 * verdict.total
    cost = costs.formula(strategy)
    least, most = (costs.evaluate(cost, costs.totals(model, parsed, spared)) for spared in (True, False))
    assert least <= verdict.operations <= most
    if strategy in ("trivial", "brute-force"):
        assert least == most


@pytest.mark.parametrize("strategy", ["sub-cubic", "low-rank", "quadratic-QK-low-rank-EU", "exact"])
def test_strategies_on_a_trained_model(strategy: str) -> None:
    data = model_file(shipped("max-of-4-seed-0"))
    certificate = prove(data, strategy)
    verdict, _ = metered(data, certificate)
    model = parse_model(data)
    parsed = parse_certificate(certificate)
    cost = costs.formula(strategy)
    least, most = (costs.evaluate(cost, costs.totals(model, parsed, spared)) for spared in (True, False))
    # The adaptive part leaves little room.
    assert least <= verdict.operations <= most <= 1.15 * least


def test_every_strategy_has_a_row() -> None:
    rows = costs.strategy_costs()
    assert [name for name, *_ in rows] == list(STRATEGIES)
    assert all(all(row) for row in rows)


@pytest.mark.parametrize("strategy", [name for name in STRATEGIES if name != "auto"])
def test_unexplained_dimensions_are_the_numbers_that_a_proof_depends_on(strategy: str) -> None:
    """Entries of tables, or of hints and a bound for each row, column and norm between (docs/strategies.md)."""
    vocabulary, outputs, positions, _, _ = SIZES[1]
    data = model_file(capable_model(SIZES[1], seed=1))
    certificate = parse_certificate(prove(data, strategy))
    dimensions = costs.unexplained_dimensions(strategy)
    found = costs.evaluate(dimensions, costs.totals(parse_model(data), certificate, False))
    if strategy in ("trivial", "brute-force"):
        assert found == (0 if strategy == "trivial" else vocabulary**positions * outputs)
        return
    expected = positions * (vocabulary + outputs)
    for name, table in zip(TABLES, certificate.tables, strict=True):
        columns = vocabulary if name == "QK" else outputs
        norms = sum(factor.norm is not None for factor in table)
        hints = [matrix for factor in table for matrix in factor.hint or ()]
        entries = sum(hint.rows * hint.columns for hint in hints)
        expected += vocabulary + columns + norms + entries if table else vocabulary * columns
    assert found == expected


# The pages


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def kernel_sources() -> list[ast.Module]:
    return [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "checker").rglob("*.py")]


def metered_rules() -> set[str]:
    """Every name under which the kernel's sources count operations."""
    names = set(RULE_NAMES)
    for tree in kernel_sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if called in ("add", "Matrices") and call.args and isinstance(call.args[0], ast.Constant):
                names.add(str(call.args[0].value))
    return names


def kernel_messages() -> set[str]:
    """What the kernel's sources say when they reject or decline, with ... for what they fill in."""

    def text(node: ast.expr, expected: str) -> str:
        if isinstance(node, ast.JoinedStr):
            return "".join(text(part, expected) for part in node.values)
        if isinstance(node, ast.FormattedValue) and ast.unparse(node.value) == "expected":
            return expected
        return str(node.value) if isinstance(node, ast.Constant) else "..."

    messages = set()
    functions = [node for tree in kernel_sources() for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for function in functions:
        expected = "..."  # what the function calls so, before it makes a message of it
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "expected":
                expected = text(node.value, "...")
        for node in ast.walk(function):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                messages.add(text(node.exc.args[0], expected))
    return messages


# Rules for programs, whose operations depend on the steps, which have no formula of one line.
OF_PROGRAMS = {"inputs", "evaluate", "sample"}


def test_every_rule_of_the_kernel_has_an_entry_and_a_formula() -> None:
    headings = re.findall(r"^### (.*)$", page("rules.md"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert set(headings) == {*costs.RULE_COSTS, *OF_PROGRAMS} == metered_rules()


def test_quoted_messages_are_those_of_the_kernel() -> None:
    spans = re.findall(r"`([^`\n]+)`", page("rules.md"))
    quoted = {span for span in spans if "..." in span and ": " in span}
    assert quoted <= kernel_messages()
    assert len(quoted) > 10


def test_every_strategy_is_described() -> None:
    headings = re.findall(r"^### (.*)$", page("strategies.md"), re.MULTILINE)
    assert sorted(headings) == sorted([*STRATEGIES, *STATISTICAL])


def test_every_published_strategy_is_in_the_table() -> None:
    """Each row of the table stands for every combination of the treatments it names."""
    table = page("strategies.md").split("\n## The 102 strategies of the paper\n")[1]
    found: dict[str, str] = {}
    for row in re.findall(r"^\| (.*) \|$", table, re.MULTILINE):
        cells = row.split(" | ")
        if "`" not in cells[0]:
            continue
        named = [re.findall(r"`([^`]*)`", cell) for cell in cells]
        if len(named[0]) == 1 and named[0][0] in OUR_STRATEGY:
            combinations = [named[0][0]]
        else:
            combinations = [
                published_name(direct, mean, error)
                for direct in named[0]
                for mean in ATTENTION_MEAN
                for error in named[1]
            ]
        for name in combinations:
            assert name not in found
            found[name] = named[2][0]
    assert found == OUR_STRATEGY
