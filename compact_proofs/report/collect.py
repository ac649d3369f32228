"""The models and certificates of a report: which files they are, and what there is to say of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from checker.__main__ import printable
from compact_proofs.given_files import GivenModel, given_models
from compact_proofs.report.facts import ModelFacts, model_facts
from compact_proofs.report.proofs import Proof, given_proof, made_proof, strategies_for


@dataclass(frozen=True)
class Subject:
    """A model with what is proved of it, by operations."""

    facts: ModelFacts
    proofs: list[Proof]


def collect(
    names: Sequence[str],
    strategies: Sequence[str] = (),
    starting: Callable[[str], None] = lambda step: None,
    quick: bool = False,
) -> list[Subject]:
    """The facts of the models in `names`, and every verdict, which the kernel gives now.

    `names` are as for `given_models`. Models are proved by `strategies`, too; by default, those without certificates by
    some that take seconds, or if it is to be `quick`, by one.

    `starting` is called before each step, with how many of how many are done.

    Raises what `given_models` raises, `Declined` for a file that is no model, and `UnknownStrategy`.
    """
    models = given_models(names)
    chosen = [_strategies(model, strategies, quick) for model in models]
    steps = count()
    total = sum(1 + len(model.certificates) + len(names) for model, names in zip(models, chosen, strict=True))

    def begin(step: str) -> None:
        starting(f"{next(steps)} of {total} steps done: {step}")

    return [_subject(model, names, begin) for model, names in zip(models, chosen, strict=True)]


def _strategies(model: GivenModel, wanted: Sequence[str], quick: bool) -> list[str]:
    """What a model is proved by."""
    if wanted:
        return strategies_for(model.data, wanted)
    if model.certificates:
        return []
    return strategies_for(model.data, ())[: 1 if quick else None]


def _subject(model: GivenModel, strategies: Sequence[str], begin: Callable[[str], None]) -> Subject:
    begin(f"look at {model.name}")
    facts, proofs = model_facts(model.name, printable(model.path), model.data, model.commands), []
    for path, certificate in model.certificates:
        begin(f"check {printable(path)}")
        proofs.append(given_proof(facts, printable(path), certificate))
    for strategy in strategies:
        begin(f"prove {model.name} by {strategy}")
        made = made_proof(facts, strategy)
        proofs += [made] if made else []
    return Subject(facts, sorted(proofs, key=lambda proof: (proof.verdict.operations, proof.name)))
