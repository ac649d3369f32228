"""What is proved of a model: the kernel's verdicts on certificates, and where each leaves inputs out."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from certificates.short import OverBudget
from certificates.strategies import PROGRAM_STRATEGIES, STRATEGIES
from checker import Verdict
from checker import check as check_bytes
from checker.certificate import Group, group_size
from checker.certificate_file import parse_certificate
from checker.errors import Declined
from checker.models.attention_only import ExactModel
from compact_proofs import commands
from compact_proofs.report.facts import ModelFacts
from compact_proofs.report.worst_inputs import WorstInputs

# What is proved of a model for which no certificate is given: the longest proof that is found within seconds, and two
# short ones.
BY_DEFAULT = ("exact", "sub-cubic", "low-rank-QK")
PROGRAM_BY_DEFAULT = ("evaluate",)
OTHER = "other"


@dataclass(frozen=True)
class Lost:
    """Inputs with one label and some queries of which a certificate leaves `lost` out, all of them where it has no
    group for them (`grouped`). At each of `outputs` some input of it has a logit of at least the label's, in floating
    point."""

    label: int
    first_query: int
    last_query: int
    inputs: int
    lost: int
    grouped: bool
    outputs: list[int]


@dataclass(frozen=True)
class Proof:
    """A certificate, the kernel's verdict on it, and the commands that repeat it.

    `name` is its file or the strategy that made it here; `strategy` the one that its name tells, or `OTHER`. `lost` is
    where an accepted one leaves inputs out, the most first; it adds up to what the bound lacks of all inputs. Programs
    have one interval, and no such list.
    """

    name: str
    strategy: str
    sha256: str
    verdict: Verdict
    commands: list[str]
    lost: list[Lost]

    @property
    def accepted(self) -> bool:
        return self.verdict.verdict == "accepted"

    @property
    def counts(self) -> bool:
        """Whether it proves how many inputs are correct, and not what they weigh, or something statistical."""
        return self.accepted and self.verdict.kind == "count"

    @property
    def bound(self) -> float:
        """The share of inputs that are proved correct; 0 where something else is proved, as of correct by a margin."""
        plain = self.counts and self.verdict.margin in ("", "0")
        return self.verdict.correct_at_least / self.verdict.total if plain else 0.0


def strategy_of(name: str) -> str:
    """The strategy whose name is in that of a file, the longest of several."""
    known = sorted({*STRATEGIES, *PROGRAM_STRATEGIES} - {"auto"}, key=len)
    return next((strategy for strategy in reversed(known) if strategy in name), OTHER)


def given_proof(model: ModelFacts, path: str, data: bytes) -> Proof:
    """The certificate with the bytes `data` of the file `path`, checked by the kernel."""
    file = path.rpartition("/")[2]
    return _proof(model, path, strategy_of(file.removeprefix(model.name)), data, [_check(model.path, path)])


def made_proof(model: ModelFacts, strategy: str) -> Proof | None:
    """The proof that a strategy finds, checked by the kernel; None if it finds none. Raises `UnknownStrategy`."""
    try:
        data = commands.prove(model.data, strategy).data
    except (Declined, OverBudget):
        return None
    file = f"{model.name}.{strategy}.certificate"
    prove = shlex.join(["compact-proofs", "prove", model.path, "--strategy", strategy, "-o", file])
    return _proof(model, strategy, strategy, data, [prove, _check(model.path, file)])


def strategies_for(model: ModelFacts, wanted: Sequence[str]) -> list[str]:
    """Those of the strategies `wanted` that may be for such a model, and if there are none, what takes seconds."""
    own, other = (PROGRAM_STRATEGIES, STRATEGIES) if model.is_program else (STRATEGIES, PROGRAM_STRATEGIES)
    by_default = PROGRAM_BY_DEFAULT if model.is_program else BY_DEFAULT
    return [strategy for strategy in wanted if strategy in own or strategy not in other] or list(by_default)


def best(proofs: Iterable[Proof]) -> Proof | None:
    """The accepted proof that counts most inputs, the shortest of several."""
    accepted = [proof for proof in proofs if proof.counts]
    rank = {id(proof): (proof.verdict.correct_at_least, -proof.verdict.operations) for proof in accepted}
    return max(accepted, key=lambda proof: rank[id(proof)], default=None)


def _check(model: str, certificate: str) -> str:
    return shlex.join(["compact-proofs", "check", model, certificate])


def _proof(model: ModelFacts, name: str, strategy: str, data: bytes, commands: Sequence[str]) -> Proof:
    verdict = check_bytes(model.data, data)
    lost: list[Lost] = []
    if verdict.kind == "count" and isinstance(model.model, ExactModel):
        lost = _lost(model.model, model.worst, data)
    return Proof(name, strategy, sha256(data).hexdigest(), verdict, list(commands), lost)


def _lost(model: ExactModel, worst: WorstInputs | None, data: bytes) -> list[Lost]:
    """Where an accepted certificate leaves inputs out."""
    found, by_label = [], dict[int, list[Group]]()
    for group in parse_certificate(data).groups:
        by_label.setdefault(group.label, []).append(group)
    for label in range(model.vocabulary):
        groups, query = by_label.get(label, []), 0
        every = [(group, True) for group in groups]
        for group in groups:
            every += [(gap, False) for gap in _gaps(label, query, group.first_query)]
            query = group.last_query + 1
        every += [(gap, False) for gap in _gaps(label, query, label + 1)]
        for group, grouped in every:
            inputs = group_size(group, model.positions)
            if group.correct < inputs:
                queries = group.first_query, group.last_query
                outputs = [] if worst is None else _outputs(worst, label, *queries)
                found.append(Lost(label, *queries, inputs, inputs - group.correct, grouped, outputs))
    return sorted(found, key=lambda one: (-one.lost, one.label, one.first_query))


def _gaps(label: int, first: int, end: int) -> list[Group]:
    """The queries from `first` to `end - 1` as groups of nothing: those below the label, and the label alone."""
    below = [Group(label, first, min(end, label) - 1, 0, ())] if first < min(end, label) else []
    return below + ([Group(label, label, label, 0, ())] if first <= label < end else [])


def _outputs(worst: WorstInputs, label: int, first_query: int, last_query: int) -> list[int]:
    chosen = (worst.labels == label) & (first_query <= worst.queries) & (worst.queries <= last_query)
    return np.flatnonzero(worst.beaten_by[chosen].any(axis=0)).tolist()
