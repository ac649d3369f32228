"""The proof strategies by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from certificates.brute_force import prove_brute_force
from certificates.evaluate import prove_evaluate
from certificates.exact import measured_exact, prove_exact
from certificates.short import (
    DEFAULT_PRICE,
    LOW_RANK_EU,
    LOW_RANK_OV,
    LOW_RANK_QK,
    LOWEST_PRICE,
    QUADRATIC_QK,
    Cut,
    OverBudget,
    ShortProofs,
    prove_short,
)
from certificates.trivial import prove_trivial
from checker.errors import Declined
from checker.rules.examine import PROGRAM


@dataclass(frozen=True)
class Strategy:
    """A way to prove: `prove` turns the bytes of a model file, and a budget of operations or None, into
    the bytes of a certificate file. Only strategies that are `budgeted` accept a budget."""

    name: str
    description: str
    prove: Callable[[bytes, int | None], bytes]
    budgeted: bool = False


class UnknownStrategy(Exception):
    """No strategy has the given name, or it takes no budget; the message says which there are."""


# The tables that each class of short proofs encloses by low rank.
CLASSES: dict[str, dict[str, Cut]] = {
    "sub-cubic": {},
    "low-rank-QK": {"QK": LOW_RANK_QK},
    "low-rank-EU": {"EU": LOW_RANK_EU},
    "low-rank-QK-EU": {"QK": LOW_RANK_QK, "EU": LOW_RANK_EU},
    "low-rank": {"QK": LOW_RANK_QK, "OV": LOW_RANK_OV, "EU": LOW_RANK_EU},
    "quadratic-QK": {"QK": QUADRATIC_QK},
    "quadratic-QK-low-rank-EU": {"QK": QUADRATIC_QK, "EU": LOW_RANK_EU},
}
DESCRIPTIONS = {
    "sub-cubic": "exact tables; groups of queries and outputs as coarse as will do",
    "low-rank-QK": "the same, with QK of low rank and its remainder bounded row by row",
    "low-rank-EU": "the same, with the direct path of low rank",
    "low-rank-QK-EU": "the same, with QK and the direct path of low rank",
    "low-rank": "the same, with all three tables of low rank",
    "quadratic-QK": "the same, with no product of the embedding with all of QK",
    "quadratic-QK-low-rank-EU": "the same, and the direct path of low rank",
}


def prove_auto(model_data: bytes, budget: int | None) -> bytes:
    """The best bound that any strategy reaches within the budget; `exact` where there is none.

    Raises `OverBudget` if no strategy found a proof so short.
    """
    if model_data.startswith(PROGRAM):
        return prove_evaluate(model_data)
    if budget is None:
        return prove_exact(model_data)
    exact, _, operations = measured_exact(model_data)
    if operations <= budget:
        return exact
    found = [
        (correct, certificate)
        for cuts in CLASSES.values()
        for certificate, correct, _ in ShortProofs(model_data, cuts).within(budget)
    ]
    if not found:
        raise OverBudget(f"no strategy found a proof within {budget} operations")
    return max(found)[1]


def _short(name: str) -> Strategy:
    return Strategy(
        name,
        DESCRIPTIONS[name],
        lambda model_data, budget: prove_short(model_data, CLASSES[name], budget, DEFAULT_PRICE),
        budgeted=True,
    )


def _whole(name: str, description: str, prove: Callable[[bytes], bytes]) -> Strategy:
    return Strategy(name, description, lambda model_data, _: prove(model_data))


STRATEGIES: dict[str, Strategy] = {
    strategy.name: strategy
    for strategy in (
        _whole("trivial", "claim nothing about the model", prove_trivial),
        *map(_short, reversed(CLASSES)),
        _whole(
            "cubic",
            "exact tables; cases by query, label, largest token below it and number of labels",
            lambda model_data: prove_short(model_data, {}, None, LOWEST_PRICE),
        ),
        _whole(
            "exact",
            "decide every pair of query and label at once, count one by one what stays undecided",
            prove_exact,
        ),
        _whole("brute-force", "try every input against every output", prove_brute_force),
        Strategy("auto", "the best bound of any strategy within a budget", prove_auto, budgeted=True),
    )
}

# For models of version 2.
PROGRAM_STRATEGIES: dict[str, Strategy] = {
    "evaluate": _whole("evaluate", "enclose the logits of every input, step by step", prove_evaluate),
    "auto": STRATEGIES["auto"],
}


def prove(model_data: bytes, strategy: str, budget: int | None = None) -> bytes:
    """The certificate that the strategy of this name finds for a model, within a budget of operations.

    Raises `UnknownStrategy`, `OverBudget` where the budget is too small, and
    `checker.errors.Declined` where the model file is malformed or the proof would be over a limit of
    the checker, or its numbers are too large to search in floating point.
    """
    strategies = PROGRAM_STRATEGIES if model_data.startswith(PROGRAM) else STRATEGIES
    if strategy not in strategies:
        known = ", ".join(strategies)
        raise UnknownStrategy(f"strategy {strategy!r} is unknown; there are: {known}")
    if budget is not None and not strategies[strategy].budgeted:
        known = ", ".join(name for name, found in strategies.items() if found.budgeted)
        raise UnknownStrategy(f"strategy {strategy!r} takes no budget; these do: {known}")
    try:
        with np.errstate(over="raise", invalid="raise"):
            return strategies[strategy].prove(model_data, budget)
    except (OverflowError, FloatingPointError, np.linalg.LinAlgError) as error:
        raise Declined(f"strategy {strategy}: the model's numbers are too large to search in floating point") from error
