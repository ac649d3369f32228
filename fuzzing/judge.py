"""The judgement of what the kernel accepts and finds, against the truth by brute force.

The truth comes from the model file alone (`fuzzing.models.read_model`, `fuzzing.oracle`), by the
definitions of `docs/semantics.md`; of the kernel's own objects only the fields of a group are read.

`python -m fuzzing.judge MODEL CERTIFICATE` judges two files of a tiny model.
"""

import random
import sys
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from hashlib import sha256
from itertools import pairwise, product
from pathlib import Path

from flint import arb, ctx

from checker.certificate import Check, Group
from checker.verdict import Verdict
from fuzzing.kernel import Found, TooSlow, WatchedKernel
from fuzzing.models import model_file, read_model
from fuzzing.oracle import ENCLOSURE_BITS, Oracle, ball
from fuzzing.weights import random_weights

SECONDS = 10.0
# Of 256 accepted certificates, about so many are also weighed by a distribution.
WEIGHED = 64
MODELS_KEPT = 64
MAX_EXPONENT = 4000
EXIT_VERDICTS = ("accepted", "rejected", "declined")

Partitions = Sequence[Sequence[int]]


class Failure(Exception):
    """The kernel did what it must never do. The name of the class says what kind of thing, in files' names."""


class Unsound(Failure):
    """More was accepted or found than is true."""


class Raised(Failure):
    """The kernel ended with an exception."""


class Slow(Failure):
    """A check took more than its time limit."""


class Inconsistent(Failure):
    """The parts of a verdict contradict each other, or the files."""


def required_margins(group: Group, partitions: Partitions, outputs: int) -> dict[int, Fraction]:
    """For every output, the largest scaled margin that some check of `group` claims to establish."""
    required: dict[int, Fraction] = {}
    for claim in group.checks:
        cuts = partitions[claim.partition]
        classes = [range(a, b) for a, b in pairwise(cuts)]
        if claim.classes is None:
            missing = set(range(outputs)) - {group.label} - set(required)
            chosen = [members for members in classes if missing & set(members)]
        else:
            chosen = [classes[c] for c in claim.classes]
        bound = Fraction(claim.margin, 2**claim.bits)
        for output in {o for members in chosen for o in members} - {group.label}:
            required[output] = max(bound, required.get(output, bound))
    return required


class Truth:
    """The truth about one model, each part of it found out once."""

    def __init__(self, model_data: bytes) -> None:
        self.oracle = Oracle(read_model(model_data))
        # Comparisons that were too close for the oracle, and that were taken to be in the kernel's favour.
        self.undecided = 0
        # For each label and query, its inputs with an enclosure of the margin against each output.
        self._inputs: dict[tuple[int, int], list[tuple[tuple[int, ...], list[arb]]]] = {}
        self._counts: dict[tuple[int, int, tuple[tuple[int, Fraction], ...]], int] = {}
        self._known: dict[tuple[int, int, int, tuple[Check, ...], tuple[tuple[int, ...], ...]], int] = {}

    def _margins(self, label: int, query: int) -> list[tuple[tuple[int, ...], list[arb]]]:
        if (label, query) not in self._inputs:
            self._inputs[label, query] = [
                (tokens, [self.oracle.margin(tokens, output) for output in range(self.oracle.outputs)])
                for first in product(range(label + 1), repeat=self.oracle.positions - 1)
                if max(tokens := (*first, query)) == label
            ]
        return self._inputs[label, query]

    def _count(self, label: int, query: int, bounds: Mapping[int, Fraction], ties: bool) -> int:
        """How many inputs have margins above the `bounds`, or, with `ties`, equal to them."""
        with ctx.workprec(ENCLOSURE_BITS):
            balls = [(output, ball(bound), bound) for output, bound in bounds.items()]
            count = 0
            for tokens, margins in self._margins(label, query):
                for output, least, bound in balls:
                    if margins[output] > least:
                        continue
                    if margins[output] < least:
                        break
                    sign = self._compare(tokens, output, bound)
                    if sign < 0 or (sign == 0 and not ties):
                        break
                else:
                    count += 1
        return count

    def _compare(self, tokens: Sequence[int], output: int, bound: Fraction) -> int:
        try:
            return self.oracle.compare_margin(tokens, output, bound)
        except ArithmeticError:
            self.undecided += 1
            return 1

    def count(self, label: int, query: int, bounds: Mapping[int, Fraction]) -> int:
        """How many inputs of a label and a query have margins of at least `bounds`, output by output."""
        key = (label, query, tuple(sorted(bounds.items())))
        if key not in self._counts:
            self._counts[key] = self._count(label, query, bounds, ties=True)
        return self._counts[key]

    def correct_in(self, label: int, queries: range) -> int:
        """How many inputs with this label and a last token from `queries` are correct."""
        return sum(self._correct(label, query) for query in queries if query <= label)

    def _correct(self, label: int, query: int) -> int:
        key = (label, query, ())
        if key not in self._counts:
            zero = {output: Fraction(0) for output in range(self.oracle.outputs) if output != label}
            self._counts[key] = self._count(label, query, zero, ties=False)
        return self._counts[key]

    def may_be_correct(self, tokens: Sequence[int]) -> bool:
        """Whether an input is correct, or too close to say."""
        try:
            return self.oracle.is_correct(tokens)
        except ArithmeticError:
            self.undecided += 1
            return True

    @cached_property
    def correct(self) -> int:
        """How many inputs are correct."""
        return sum(self.correct_in(label, range(label + 1)) for label in range(self.oracle.vocabulary))

    def margin(self, tokens: Sequence[int]) -> Fraction | None:
        """The least scaled margin of an input, to some 2**-100 of it; None where it is nothing for a certificate:
        no other output, or numbers far beyond its limits."""
        others = [output for output in range(self.oracle.outputs) if output != max(tokens)]
        if not others:
            return None
        with ctx.workprec(ENCLOSURE_BITS):
            margins = [self.oracle.margin(tokens, output) for output in others]
        if not all(margin.is_finite() for margin in margins):
            return None
        middles = [margin.mid().man_exp() for margin in margins]
        parts = [(int(mantissa), int(exponent)) for mantissa, exponent in middles]
        if any(abs(exponent) > MAX_EXPONENT for _, exponent in parts):
            return None
        return min(mantissa * Fraction(2) ** exponent for mantissa, exponent in parts)

    def most_found(self, group: Group, partitions: tuple[tuple[int, ...], ...]) -> int:
        """How many inputs of a group have all the margins that its checks claim to establish."""
        first, last, outputs = group.first_query, group.last_query, self.oracle.outputs
        key = (group.label, first, last, group.checks, partitions)
        if key not in self._known:
            required = required_margins(group, partitions, outputs)
            if set(required) != set(range(outputs)) - {group.label}:
                raise Unsound(f"{group}: {len(required)} of {outputs - 1} outputs were compared with the label")
            self._known[key] = sum(self.count(group.label, query, required) for query in range(first, last + 1))
        return self._known[key]


class Judge:
    """Has certificates checked, and raises a `Failure` where the kernel is wrong."""

    def __init__(self, kernel: WatchedKernel) -> None:
        self.kernel = kernel
        self._truths: OrderedDict[bytes, Truth] = OrderedDict()

    def truth(self, model_data: bytes) -> Truth:
        """The truth about a model that the kernel has parsed; that about the last models is kept."""
        if model_data not in self._truths:
            self._truths[model_data] = Truth(model_data)
            if len(self._truths) > MODELS_KEPT:
                self._truths.popitem(last=False)
        self._truths.move_to_end(model_data)
        return self._truths[model_data]

    def judge(self, model_data: bytes, certificate_data: bytes) -> Verdict:
        """The kernel's verdict, once its claim and what it found in every group are seen to be true."""
        try:
            verdict = self.kernel.check(model_data, certificate_data)
        except TooSlow as error:
            raise Slow(str(error)) from None
        except Exception as error:
            raise Raised(f"{type(error).__name__}: {error}") from error
        self._judge_form(verdict, model_data)
        for found in self.kernel.found:
            self._judge_group(found, model_data)
        if verdict.verdict == "accepted":
            self._judge_claim(verdict, model_data, certificate_data)
            digest = sha256(certificate_data).digest()
            if verdict.correct_at_least and digest[0] < WEIGHED:
                self._judge_weights(model_data, certificate_data, random.Random(digest))
        return verdict

    def _judge_weights(self, model_data: bytes, certificate_data: bytes, rng: random.Random) -> None:
        """The same certificate is weighed by a random distribution, which is never more than what is true."""
        truth = self.truth(model_data)
        weights = random_weights(rng, truth.oracle.vocabulary, truth.oracle.positions)
        each = {tokens: weights.of(tokens) for tokens in truth.oracle.inputs()}
        total = sum(each.values())
        verdict = self.kernel.check(model_data, certificate_data, weights.file)
        if not total:
            if verdict.reason != "distribution: all inputs weigh 0":
                raise Inconsistent(f"by a distribution of nothing: {verdict.verdict} {verdict.reason}")
            return
        if verdict.verdict != "accepted" or verdict.further["weight_total"] != total:
            raise Inconsistent(f"all inputs weigh {total}, not {verdict.further}: {verdict.reason}")
        most = sum(weight for tokens, weight in each.items() if weight and truth.may_be_correct(tokens))
        if int(verdict.further["weight_at_least"]) > most:
            raise Unsound(f"correct inputs weigh {most}, accepted were {verdict.further['weight_at_least']}")

    def _judge_form(self, verdict: Verdict, model_data: bytes) -> None:
        if verdict.verdict not in EXIT_VERDICTS:
            raise Inconsistent(f"a verdict {verdict.verdict!r}")
        accepted = verdict.verdict == "accepted"
        if accepted == bool(verdict.reason) or "\n" in verdict.reason:
            raise Inconsistent(f"{verdict.verdict} for the reason {verdict.reason!r}")
        if not accepted and verdict.correct_at_least != 0:
            raise Inconsistent(f"{verdict.verdict}, but {verdict.correct_at_least} inputs are claimed")
        if accepted and verdict.model_sha256 != sha256(model_data).hexdigest():
            raise Inconsistent("accepted for a model of another hash")

    def _judge_group(self, found: Found, model_data: bytes) -> None:
        if found.count <= 0:
            return
        truth, group = self.truth(model_data), found.group
        first, last, label = group.first_query, group.last_query, group.label
        if not (0 <= first <= last < label or first == last == label) or label >= truth.oracle.vocabulary:
            raise Unsound(f"{group}: inputs were found in what is no group")
        most = truth.most_found(group, found.partitions)
        if found.count > most:
            raise Unsound(f"{group}: {found.count} inputs were found certified, {most} truly have such margins")

    def _judge_claim(self, verdict: Verdict, model_data: bytes, certificate_data: bytes) -> None:
        claim = certificate_data.split(b"\n")[2]
        if claim != b"correct %d" % verdict.correct_at_least:
            raise Inconsistent(f"{verdict.correct_at_least} inputs were accepted for the claim {claim!r}")
        if verdict.correct_at_least == 0:
            return
        if sum(found.count for found in self.kernel.found) < verdict.correct_at_least:
            raise Inconsistent("more was accepted than was found in all groups together")
        truth = self.truth(model_data)
        if model_file(read_model(model_data)) != model_data:
            raise Inconsistent("a model was accepted that is not in canonical form")
        if verdict.total != truth.oracle.total:
            raise Inconsistent(f"{verdict.total} inputs, of which there are {truth.oracle.total}")
        if verdict.correct_at_least > truth.correct:
            raise Unsound(f"{verdict.correct_at_least} inputs were accepted as correct, {truth.correct} are")


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 2:
        print("usage: python -m fuzzing.judge MODEL CERTIFICATE", file=sys.stderr)
        return 2
    model, certificate = (Path(path).read_bytes() for path in arguments)
    with WatchedKernel(SECONDS) as kernel:
        try:
            verdict = Judge(kernel).judge(model, certificate)
        except Failure as failure:
            print(f"{type(failure).__name__.lower()}: {failure}")
            return 1
    print(f"the verdict is right: {verdict.verdict} {verdict.reason}".rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
