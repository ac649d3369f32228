"""The models and certificates of a report: which files they are, and what there is to say of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

    Raises what `given_models` raises, `Declined` for a file that is no model, `UnsupportedWeights` where floating point
    does not reach, and `UnknownStrategy`.
    """
    return [_subject(model, strategies, quick, starting) for model in given_models(names)]


def _subject(
    model: GivenModel,
    strategies: Sequence[str],
    quick: bool,
    starting: Callable[[str], None],
) -> Subject:
    name = model.name
    starting(f"{name}: look at the model")
    facts, proofs = model_facts(name, printable(model.path), model.data), []
    for number, (path, certificate) in enumerate(model.certificates, 1):
        starting(f"{name}: check certificate {number} of {len(model.certificates)}")
        proofs.append(given_proof(facts, printable(path), certificate))
    chosen = strategies_for(facts, strategies) if strategies or not model.certificates else []
    for strategy in chosen[:1] if quick and not strategies else chosen:
        starting(f"{name}: prove by {strategy}")
        made = made_proof(facts, strategy)
        proofs += [made] if made else []
    return Subject(facts, sorted(proofs, key=lambda proof: (proof.verdict.operations, proof.name)))
