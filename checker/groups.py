"""The check of a model of version 1, group by group of its inputs."""

from functools import reduce
from operator import or_

from checker.certificate import Certificate, Group, group_size
from checker.errors import Rejected
from checker.meter import PYTHON, Meter
from checker.models.attention_only import ExactModel
from checker.models.tables import Tables
from checker.models.terms import Terms
from checker.rules.group_rule import Premises, needed_classes, outputs_of
from checker.rules.registry import group_rule
from checker.rules.weigh import Weighing


def certified_inputs(terms: Terms, group: Group) -> int:
    """How many inputs of `group` its checks certify: all but those that some check leaves out.
    They are weighed by `terms.weighing`, if there is one.

    Raises `Rejected` if an output other than the label is covered by no check.
    """
    certified, weighing = group_size(group, terms.tables.model.positions), terms.weighing
    if weighing is not None:
        weighing.start(group)
    covered = 1 << group.label  # one bit for each output
    for check in group.checks:
        cuts = terms.partitions[check.partition]
        classes = needed_classes(check, cuts, group.label, covered)
        covered = reduce(or_, (outputs_of(cuts, c) for c in classes), covered)
        price = 160 * PYTHON + 64 * len(cuts) + 4 * group.label * len(classes)
        terms.meter.add(check.rule, 0, price)
        if classes:
            rule = group_rule(check.rule)
            certified -= rule.check(Premises(terms, group, check, classes)).left_out
    uncovered = ~covered & ((1 << terms.tables.model.outputs) - 1)
    if uncovered:
        first = (uncovered & -uncovered).bit_length() - 1
        raise Rejected(f"{group}: expected a check of every output, found none of output {first}")
    if weighing is not None:
        weighing.end()
    return max(0, certified)


def require_place(group: Group, model: ExactModel, done: tuple[int, int]) -> None:
    """Raises `Rejected` unless a group comes after the label and query that are `done`, and is one
    of the model. Ascending labels and queries make the groups disjoint."""
    label, first, last = group.label, group.first_query, group.last_query
    if (label, first) <= done:
        raise Rejected(f"{group}: expected groups in ascending order, without overlap")
    if label >= model.vocabulary or not (first <= last < label or first == last == label):
        raise Rejected(f"{group}: expected queries below the label, or the label alone")


def check_claims(
    model: ExactModel, sha256: str, certificate: Certificate, meter: Meter,
    counts: list[int], weighing: Weighing | None = None,
) -> int:
    """The number of inputs that `certificate` proves correct. Raises `Rejected` at a claim that
    fails: what it says is not established by the rules, whether it is true or not.

    What is found in each group is appended to `counts`, that of the failing claim last, and weighed
    if there is something to weigh by.
    """
    certificate.require_model(sha256)
    if not certificate.groups and not certificate.correct:
        return 0
    # What it took to read the numbers of the model, and groups and checks.
    numbers = sum(tensor.rows * tensor.columns for tensor in model.weights.values())
    lines = sum(1 + len(group.checks) for group in certificate.groups)
    meter.add("embedding", 0, 160 * numbers + 16 * PYTHON * lines)
    terms = Terms(Tables(model, certificate, meter), certificate.partitions, meter)
    terms.weighing, correct, done = weighing, 0, (-1, -1)
    for group in certificate.groups:
        require_place(group, model, done)
        done = group.label, group.last_query
        found = certified_inputs(terms, group)
        counts.append(found)
        if group.correct > found:
            claimed = f"{group.correct} correct of {group_size(group, model.positions)}"
            raise Rejected(f"{group}: claimed {claimed}, found {found}")
        correct += group.correct
    certificate.require_correct(correct, "groups")
    return correct
