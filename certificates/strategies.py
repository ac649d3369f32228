"""The proof strategies by name."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from certificates.boxes import search_size
from certificates.brute_force import prove_brute_force
from certificates.evaluate import prove_evaluate
from certificates.exact import exact_proof
from certificates.prover import Proof
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
from checker.model import parse_model
from checker.rules.examine import PROGRAM

# Up to so many inputs, times outputs, `auto` tries every one, and searches so many boxes, times ranges and outputs.
MAX_TRIED = 2**24
MAX_SEARCHED = 2**32


@dataclass(frozen=True)
class Strategy:
    """A way to prove: `prove` turns the bytes of a model file, and a budget of operations or None, into
    a proof. Only strategies that are `budgeted` accept a budget."""

    name: str
    description: str
    prove: Callable[[bytes, int | None], Proof]
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


def prove_auto(model_data: bytes, budget: int | None) -> Proof:
    """The best bound that any strategy reaches within the budget.

    A proof by `exact` that counts every correct input is the best there is. Where it does not, the others are
    searched as well, as far as time allows (`MAX_SEARCHED`). Raises `OverBudget` if no strategy found a proof so short.
    """
    if model_data.startswith(PROGRAM):
        return prove_evaluate(model_data)
    exact = exact_proof(model_data, budget)
    if exact.complete:
        return exact.proof
    within = budget is None or exact.proof.operations <= budget
    found, notes = [exact.proof] if within and exact.proof.correct else [], list[str]()
    model, searched = parse_model(model_data), 0
    if model.total * model.outputs <= MAX_TRIED:
        found += [proof for proof in [prove_brute_force(model_data)] if budget is None or proof.operations <= budget]
    for name, cuts in CLASSES.items():
        searched += search_size(model)
        if found and searched > MAX_SEARCHED:
            notes.append(f"{name} and what is below it in the list of strategies was not searched: too many boxes")
            break
        proofs = ShortProofs(model_data, cuts)
        found += [proofs.prove(LOWEST_PRICE)] if budget is None else proofs.within(budget)
    if not found:
        raise OverBudget(f"no strategy found a proof within {budget} operations")
    best = max(found, key=lambda proof: proof.rank)
    return replace(best, notes=(*best.notes, *notes))


def _short(name: str) -> Strategy:
    return Strategy(
        name,
        DESCRIPTIONS[name],
        lambda model_data, budget: prove_short(model_data, CLASSES[name], budget, DEFAULT_PRICE),
        budgeted=True,
    )


def _whole(name: str, description: str, prove: Callable[[bytes], Proof]) -> Strategy:
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
            lambda model_data: exact_proof(model_data).proof,
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
    """The certificate of `find_proof`."""
    return find_proof(model_data, strategy, budget).certificate


def find_proof(model_data: bytes, strategy: str, budget: int | None = None) -> Proof:
    """The proof that the strategy of this name finds for a model, within a budget of operations.

    Raises `UnknownStrategy`, `OverBudget` where the budget is too small, and
    `checker.errors.Declined` where the model file is malformed or the proof would be over a limit of
    the checker.
    """
    strategies = PROGRAM_STRATEGIES if model_data.startswith(PROGRAM) else STRATEGIES
    if strategy not in strategies:
        known = ", ".join(strategies)
        raise UnknownStrategy(f"strategy {strategy!r} is unknown; there are: {known}")
    if budget is not None and not strategies[strategy].budgeted:
        known = ", ".join(name for name, found in strategies.items() if found.budgeted)
        raise UnknownStrategy(f"strategy {strategy!r} takes no budget; these do: {known}")
    return strategies[strategy].prove(model_data, budget)
