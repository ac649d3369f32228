"""The formulas of pages are what they stand for: operations those of `certificates.costs`, the scaled margin that
of the fuzzer's oracle."""

import re
from fractions import Fraction
from itertools import product
from math import exp, sqrt
from pathlib import Path

import pytest
import sympy  # type: ignore[import-untyped]
from sympy.parsing.sympy_parser import (  # type: ignore[import-untyped]
    convert_xor,
    implicit_multiplication,
    parse_expr,
    standard_transformations,
)
from test_oracle import small_model

from certificates import costs
from fuzzing.oracle import Oracle

DOCS = Path(__file__).parent.parent / "docs"
n = sympy.Symbol("n", integer=True, nonnegative=True)
NAMES = {str(size): size for size in (*costs.CHECK_SIZES, *(costs.v, costs.v_out, costs.K, costs.d, costs.d_head))}
NAMES |= {"m": costs.m, "w": costs.w, "n": n, "max": sympy.Max, "chain": costs.chain}


def formula(text: str) -> sympy.Expr:
    """A formula of a page, in which a blank between two factors multiplies them."""
    transformations = (*standard_transformations, implicit_multiplication, convert_xor)
    return parse_expr(text, local_dict=NAMES, transformations=transformations)


def operations(rule: str) -> list[sympy.Expr]:
    """The formulas of the operations of a rule, in the order of its entry."""
    entry = (DOCS / "rules.md").read_text(encoding="utf-8").split(f"\n### {rule}\n")[1].split("\n#")[0]
    text = entry.split("* **Operations**:")[1].split("\n* **")[0]
    spans = [" ".join(span.split()) for span in re.findall(r"`([^`]*)`", text)]
    return [formula(span) for span in spans if re.search(r"[ (]|^\d+$", span) and "=" not in span]


RULES: dict[str, dict[str, sympy.Expr]] = costs.RULE_COSTS
ONE_END = {costs.ends: 1}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("embedding", [RULES["embedding"]["model"]]),
        (
            "exact",
            [
                *(RULES["exact"][f"table {table}"] for table in ("QK", "OV", "EU")),
                costs.chain(costs.v, costs.d, costs.d_head, costs.d, costs.K),
                costs.chain(costs.K, costs.d, costs.d_head, costs.d, costs.v_out),
            ],
        ),
        ("scores", [RULES["scores"]["model"]]),
        ("exponential", [RULES["exponential"]["model"].subs(costs.ends, ends) for ends in (1, 2)]),
        ("gaps", [RULES["gaps"]["class"], RULES["gaps"]["class and label"]]),
        (
            "weights",
            [
                RULES["weights"]["query"],
                RULES["weights"]["check by levels"].subs({**ONE_END, costs.Q: 1}),
                # Of a check that is not by levels, beside those of its queries.
                RULES["weights"]["other check"].subs({**ONE_END, costs.Q: 0}),
            ],
        ),
        ("last", [RULES["last"]["check"]]),
        (
            "levels",
            [
                RULES["levels"]["check"],
                costs.L + 4,
                *(costs.counting(levels, n, free=False)[1] for levels in (2, 3)),
            ],
        ),
        ("enumerate", [RULES["enumerate"]["check"]]),
    ],
)
def test_operations_of_rules(rule: str, expected: list[sympy.Expr]) -> None:
    found = operations(rule)
    assert len(found) == len(expected), found
    for said, counted in zip(found, expected, strict=True):
        assert sympy.expand(said - counted) == 0, (said, counted)


def test_the_two_tables_of_positions_are_all_that_a_model_needs() -> None:
    assert sum(operations("exact")[3:]) == RULES["exact"]["model"]


def test_counting_by_levels_takes_at_least_what_the_page_says() -> None:
    """`L + 4` from two levels on, and 6 for up to one."""
    least = [costs.counting(levels, n, free)[0] for levels in range(2, 9) for free in (False, True)]
    assert all(count >= levels + 4 for count, levels in zip(least, (k for k in range(2, 9) for _ in "ab"), strict=True))
    assert costs.counting(3, n, free=True)[0] - 4 == 3
    assert {costs.counting(levels, n, free)[0] for levels in (0, 1) for free in (False, True)} == {6}


# The scaled margin


LINES = (
    "score_j  = (x_n W_Q) . (x_j W_K) / sqrt(h)                        for j = 1, ..., n",
    "a_j      = exp(score_j) / sum_i exp(score_i)",
    "logit_o  = x_n W_U[:, o]  +  sum_j a_j (x_j W_V W_O W_U[:, o])      for each output o.",
    "D(o)    = x_n W_U[:, m] - x_n W_U[:, o]",
    "V(t, o) = W_E[t] W_V W_O W_U[:, m] - W_E[t] W_V W_O W_U[:, o]",
    "P(j, o) = W_pos[j] W_V W_O W_U[:, m] - W_pos[j] W_V W_O W_U[:, o]",
    "e(t)    = exp(x_n W_Q (W_E[t] W_K)^T / sqrt(h))          the token's factor of the attention weight",
    "f(j)    = exp(x_n W_Q (W_pos[j] W_K)^T / sqrt(h))        the position's factor",
    "Z       = sum_j e(t_j) f(j),",
    "Z (logit_m - logit_o) = sum_j e(t_j) f(j) (D(o) + V(t_j, o) + P(j, o)).",
    "The **scaled margin** is this sum divided by `e(m) max(f(1), ..., f(n-1))`.",
)


def row_times(row: list[float], *matrices: list[list[Fraction]]) -> list[float]:
    for matrix in matrices:
        row = [sum(x * float(k) for x, k in zip(row, column, strict=True)) for column in zip(*matrix, strict=True)]
    return row


@pytest.mark.parametrize("sizes", [(3, 4, 3, 2, 2), (2, 3, 4, 3, 1)])
def test_the_scaled_margin(sizes: tuple[int, ...]) -> None:
    """The page has these lines, and what they say, written here once more, is what the oracle finds."""
    page = (DOCS / "semantics.md").read_text(encoding="utf-8")
    for line in LINES:
        assert line in page, line
    model = small_model(sizes, seed=2)
    oracle, h = Oracle(model), sizes[4]
    W_E, W_pos = ([[float(k) for k in row] for row in model[name]] for name in ("W_E", "W_pos"))
    W_Q, W_K, W_V, W_O, W_U = (model[name] for name in ("W_Q", "W_K", "W_V", "W_O", "W_U"))
    for tokens in product(range(sizes[0]), repeat=sizes[2]):
        m, positions = max(tokens), range(sizes[2])
        x = [[a + b for a, b in zip(W_E[t], W_pos[j], strict=True)] for j, t in enumerate(tokens)]
        query = row_times(x[-1], W_Q)

        def dot(row: list[float], query: list[float] = query) -> float:
            return sum(a * b for a, b in zip(query, row_times(row, W_K), strict=True))

        total = sum(exp(dot(row) / sqrt(h)) for row in x)
        a = [exp(dot(row) / sqrt(h)) / total for row in x]
        mixed = [row_times(row, W_V, W_O, W_U) for row in x]
        logit = [k + sum(a[j] * mixed[j][o] for j in positions) for o, k in enumerate(row_times(x[-1], W_U))]
        e = [exp(dot(row) / sqrt(h)) for row in W_E]
        f = [exp(dot(row) / sqrt(h)) for row in W_pos]
        Z = sum(e[t] * f[j] for j, t in enumerate(tokens))
        last = row_times(x[-1], W_U)
        tables = [[row_times(row, W_V, W_O, W_U) for row in rows] for rows in (W_E, W_pos)]
        for o in range(sizes[1]):
            D = last[m] - last[o]
            V, P = ([row[m] - row[o] for row in table] for table in tables)
            summed = sum(e[t] * f[j] * (D + V[t] + P[j]) for j, t in enumerate(tokens))
            assert summed == pytest.approx(Z * (logit[m] - logit[o]), rel=1e-9, abs=1e-9 * Z)
            scaled = summed / (e[m] * max(f[:-1]))
            assert scaled == pytest.approx(float(oracle.margin(tokens, o)), rel=1e-9, abs=1e-9)
