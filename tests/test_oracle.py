"""The fuzzer's truth is that of `docs/semantics.md`, computed once more in decimal numbers of 80 digits."""

import random
from collections.abc import Iterator
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import product

import pytest
from flint import arb, ctx
from hypothesis import assume, given
from small_models import examples

from fuzzing import oracle as oracle_module
from fuzzing.campaign import models
from fuzzing.models import Model, matrix, max_model, uniform_model
from fuzzing.oracle import (
    Oracle,
    ball,
    count_correct,
    count_correct_of_four,
    root,
    sign_of_exponentials,
)

# Below this a margin is a tie; those of the models below are zero or far larger.
NOTHING = Decimal(10) ** -50
# Tokens, outputs, positions, width, head width.
SIZES = [(3, 3, 3, 2, 2), (3, 4, 2, 3, 1), (2, 3, 4, 2, 3), (4, 4, 2, 2, 4), (2, 2, 3, 1, 2)]


def small_model(sizes: tuple[int, ...], seed: int) -> Model:
    vocabulary, outputs, positions, width, head_width = sizes
    rng = random.Random(seed)

    def numbers(rows: int, columns: int) -> list[list[Fraction]]:
        return [[Fraction(rng.randint(-9, 9), rng.choice((3, 4, 6))) for _ in range(columns)] for _ in range(rows)]

    return {
        "W_E": numbers(vocabulary, width),
        "W_pos": numbers(positions, width),
        **{name: numbers(width, head_width) for name in ("W_Q", "W_K", "W_V")},
        "W_O": numbers(head_width, width),
        "W_U": numbers(width, outputs),
    }


def decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / number.denominator


def times(row: list[Decimal], weights: list[list[Fraction]]) -> list[Decimal]:
    return [dot(row, [decimal(w) for w in column]) for column in zip(*weights, strict=True)]


def dot(left: list[Decimal], right: list[Decimal]) -> Decimal:
    return sum((a * b for a, b in zip(left, right, strict=True)), Decimal(0))


def scaled_margins(model: Model, tokens: tuple[int, ...]) -> list[Decimal]:
    """Against every output: the difference of two logits, times the denominator of the softmax, divided by the
    label's factor and the largest of a position before the last."""
    embedded = [[decimal(k) for k in row] for row in model["W_E"]]
    positions = [[decimal(k) for k in row] for row in model["W_pos"]]
    stream = [[a + b for a, b in zip(embedded[t], p, strict=True)] for t, p in zip(tokens, positions, strict=True)]
    query, scale = times(stream[-1], model["W_Q"]), Decimal(len(model["W_Q"][0])).sqrt()

    def factor(row: list[Decimal]) -> Decimal:
        return (dot(query, times(row, model["W_K"])) / scale).exp()

    factors = [factor(row) for row in stream]
    values = [times(times(row, model["W_V"]), model["W_O"]) for row in stream]
    mixed = [dot(factors, [value[k] for value in values]) / sum(factors) for k in range(len(values[0]))]
    logits = times([a + b for a, b in zip(stream[-1], mixed, strict=True)], model["W_U"])
    label = max(tokens)
    unit = factor(embedded[label]) * max(factor(row) for row in positions[:-1])
    return [sum(factors) * (logits[label] - logit) / unit for logit in logits]


def cases() -> Iterator[tuple[Model, dict[tuple[int, ...], list[Decimal]]]]:
    """Models with the margins of all their inputs."""
    for seed, sizes in enumerate(SIZES):
        model = small_model(sizes, seed)
        with localcontext(prec=80):
            yield model, {t: scaled_margins(model, t) for t in product(range(sizes[0]), repeat=sizes[2])}


@pytest.fixture(scope="module")
def known() -> list[tuple[Model, dict[tuple[int, ...], list[Decimal]]]]:
    return list(cases())


Known = list[tuple[Model, dict[tuple[int, ...], list[Decimal]]]]


def right(margins: list[Decimal], label: int) -> bool:
    return all(margin > NOTHING for output, margin in enumerate(margins) if output != label)


def test_margins_are_those_of_the_definition(known: Known) -> None:
    for model, inputs in known:
        oracle = Oracle(model)
        assert list(oracle.inputs()) == list(inputs) and oracle.total == len(inputs)
        for tokens, margins in inputs.items():
            for output, margin in enumerate(margins):
                near = Fraction(margin)
                width = Fraction(1, 2**90) * (1 + abs(near))
                found = oracle.margin(tokens, output)
                with ctx.workprec(400):
                    assert ball(near - width) < found < ball(near + width)
                signs = [oracle.compare_margin(tokens, output, near + by) for by in (-width, width)]
                assert signs == [1, -1]
                with localcontext(prec=80):
                    scale = Decimal(oracle.head_width).sqrt()
                    terms = oracle.margin_terms(tokens, output)
                    total = sum((decimal(c) * (decimal(r) / scale).exp() for r, c in terms), Decimal(0))
                    assert abs(total - margin) < NOTHING
            assert oracle.is_correct(tokens) == right(margins, max(tokens))


def test_counts_are_those_of_the_definition(known: Known) -> None:
    counts = set()
    for model, inputs in known:
        oracle = Oracle(model)
        expected = sum(right(margins, max(tokens)) for tokens, margins in inputs.items())
        assert oracle.correct == count_correct(model) == expected
        counts.add(Fraction(expected, len(inputs)))
        for label in range(oracle.vocabulary):
            for queries in (range(label + 1), range(1)):
                for bound in (Fraction(-1), Fraction(1, 3)):
                    bounds = dict.fromkeys(range(1, oracle.outputs), bound)
                    found = [
                        all(margins[output] >= decimal(bound) for output in bounds)
                        for tokens, margins in inputs.items()
                        if max(tokens) == label and tokens[-1] in queries
                    ]
                    assert oracle.count_above(label, queries, bounds) == sum(found)
    assert len(counts) > 2


def test_margins_at_a_bound_are_told_from_those_above(known: Known) -> None:
    """By fractions, where enclosures cannot."""
    gap = Fraction(5, 16)
    oracle = Oracle(uniform_model([[0, 0], [0, 0]], matrix([[0, 0], [0, gap]]), 3))
    assert [oracle.compare_margin((1, 0, 1), 0, 2 * gap + by) for by in (-Fraction(1, 2**200), 0, gap)] == [1, 0, -1]
    assert oracle.count_above(1, range(2), {0: 2 * gap}) == 4 and oracle.count_above(1, range(2), {0: 3 * gap}) == 1


def test_enclosures_of_numbers() -> None:
    with ctx.workprec(100):
        third = ball(Fraction(1, 3))
        assert third * 3 - 1 < arb(2) ** -90 and (third * 3).contains(1) and ball(Fraction(-3, 4)) == arb(-3) / 4
        assert root(49) == 7 and root(49).is_exact()
        assert (root(50) ** 2).contains(50) and abs(root(50) - arb("7.0710678118654752440084436")) < arb(2) ** -80


def test_signs_of_sums_of_exponentials() -> None:
    zero, one = Fraction(0), Fraction(1)
    assert sign_of_exponentials([], 2) == 0
    assert sign_of_exponentials([(one, one), (zero, one), (one, -one), (zero, -one)], 2) == 0
    assert sign_of_exponentials([(one, one), (one, one), (zero, -Fraction(3))], 1) == 1
    # exp(x) - 1 - x for x = 2**-300, and its negative.
    small = Fraction(1, 2**300)
    assert sign_of_exponentials([(small, one), (zero, -one - small)], 1) == 1
    assert sign_of_exponentials([(-small, one), (zero, -one + small)], 1) == 1
    assert sign_of_exponentials([(small, -one), (zero, one)], 3) == -1
    # exp(1/sqrt(2)) is between 2.0281149 and 2.0281150.
    assert sign_of_exponentials([(one, one), (zero, -Fraction(20281149, 10**7))], 2) == 1
    assert sign_of_exponentials([(one, one), (zero, -Fraction(20281150, 10**7))], 2) == -1
    huge = Fraction(2**9000)
    assert sign_of_exponentials([(huge, small), (-huge, -huge), (zero, -huge)], 5) == 1
    assert [sign_of_exponentials([(huge, one), (huge - 1, -k)], 1) for k in (2 * one, 3 * one)] == [1, -1]


def test_the_precision_of_signs_is_doubled_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    small, one = Fraction(1, 2**100), Fraction(1)
    terms = [(small, one), (Fraction(0), -one - small)]  # 2**-201, more or less
    monkeypatch.setattr(oracle_module, "MAX_PRECISION", 2 * oracle_module.ENCLOSURE_BITS)
    assert sign_of_exponentials(terms, 1) == 1
    monkeypatch.setattr(oracle_module, "MAX_PRECISION", oracle_module.ENCLOSURE_BITS)
    with pytest.raises(ArithmeticError, match="^the sign needs more precision than the oracle is willing to spend$"):
        sign_of_exponentials(terms, 1)
    assert sign_of_exponentials([(one, one)], 1) == 1


def test_the_oracle_counts_by_hand() -> None:
    """Two tokens, uniform attention, the logits of the mean of the values."""
    # Output 0 always beats output 1 but for the input (1, 1), where both tie.
    tie = uniform_model([[0, 0], [0, 0]], matrix([[1, 0], [1, 1]]), 2)
    assert count_correct(tie) == 1
    better = uniform_model([[0, 0], [0, 0]], matrix([[1, 0], [1, Fraction(9, 8)]]), 2)
    assert count_correct(better) == 2
    assert count_correct(max_model(3, 3)) == 27
    # One output too many that is always as large as the label's: nothing is correct.
    wider = max_model(2, 2, outputs=3)
    wider["W_U"] = matrix([[1, 1, 1], [1, 1, 1]])
    assert count_correct(wider) == 0


# The truth in floats, for four positions


@examples(25)
@given(models(max_inputs=700, positions=4))
def test_both_truths_agree(model: Model) -> None:
    try:
        found, _ = count_correct_of_four(model)
    except ValueError:
        assume(False)
    assert found == count_correct(model)


@pytest.mark.parametrize("seed", range(4))
def test_both_truths_agree_on_several_tokens(seed: int) -> None:
    model = small_model((3, 4, 4, 2, 2), seed)
    assert count_correct_of_four(model) == (count_correct(model), 0)
    sharp = max_model(4, 3, seed)
    assert count_correct_of_four(sharp)[0] == count_correct(sharp) > 0


def test_weights_are_divided_by_the_largest() -> None:
    """However small all of them are."""
    model = max_model(4, 3, 1)
    model["W_K"] = [[row[0] - 100, *row[1:]] for row in model["W_K"]]
    assert count_correct_of_four(model) == (count_correct(model), 0)


def test_ties_need_exact_arithmetic() -> None:
    everywhere = uniform_model([[0, 0], [0, 0]], matrix([[1, 1], [1, 1]]), 4)
    assert count_correct_of_four(everywhere) == (0, 16)
    model = uniform_model([[0, 0], [0, 0]], matrix([[1, 0], [1, 1]]), 4)
    assert count_correct_of_four(model) == (1, 1) and count_correct(model) == 1


@pytest.mark.parametrize(("margin", "exact"), [(-257, 0), (-256, 1), (-1, 1), (0, 1), (1, 1), (256, 1), (257, 0)])
def test_only_margins_within_the_error_need_exact_arithmetic(margin: int, exact: int) -> None:
    """In units of 2**-53 of the largest number of the tables, the error is 256."""
    for largest in (1, 4, Fraction(1, 8)):
        moved = [[largest, 0], [0, largest * Fraction(margin, 2**55)]]
        model = uniform_model([[0, 0], [0, 0]], matrix(moved), 4)
        assert count_correct_of_four(model) == (1 + (margin > 0), exact)


def test_numbers_for_which_the_error_is_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match="^this truth is written for four positions$"):
        count_correct_of_four(max_model(3, 2))

    def faint(exponent: int) -> Model:
        return uniform_model([[0, 0], [0, 0]], matrix([[Fraction(1, 2**exponent), 0], [0, 0]]), 4)

    assert count_correct_of_four(faint(400))[0] == 1
    with pytest.raises(ValueError, match="^underflow is not covered for tables this small$"):
        count_correct_of_four(faint(401))
