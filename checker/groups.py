"""The check of a model of version 1, group by group of its inputs."""

from functools import reduce
from operator import or_

from checker.certificate import Certificate, Group, group_size
from checker.certificate_file import parse_certificate, require_sizes
from checker.errors import Rejected
from checker.meter import PYTHON, Meter
from checker.models.attention_only import ExactModel, parse_model
from checker.models.tables import Tables
from checker.models.terms import Terms
from checker.rules.distribution import Distribution, state_weight
from checker.rules.group_rule import Premises, needed_classes, outputs_of
from checker.rules.registry import group_rule
from checker.rules.tables import table_rule
from checker.rules.weigh import Weighing
from checker.verdict import Verdict


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
    terms.weighing = weighing
    correct, done = 0, (-1, -1)
    for group in certificate.groups:
        label, first, last = group.label, group.first_query, group.last_query
        # Ascending labels and queries make the groups disjoint.
        if (label, first) <= done:
            raise Rejected(f"{group}: expected groups in ascending order, without overlap")
        if label >= model.vocabulary or not (first <= last < label or first == last == label):
            raise Rejected(f"{group}: expected queries below the label, or the label alone")
        done = (label, last)
        found = certified_inputs(terms, group)
        counts.append(found)
        if group.correct > found:
            claimed = f"{group.correct} correct of {group_size(group, model.positions)}"
            raise Rejected(f"{group}: claimed {claimed}, found {found}")
        correct += group.correct
    certificate.require_correct(correct, "groups")
    return correct


def describe_model(found: Verdict, model: ExactModel) -> None:
    """Says which model a verdict is about, and of which inputs."""
    found.total, found.task = model.total, model.task
    found.tokens, found.positions = model.vocabulary, model.positions


def examine_groups(
    model_data: bytes, certificate_data: bytes, found: Verdict, meter: Meter,
    counts: list[int], distribution: Distribution | None,
) -> int:
    """The number of inputs proved correct of a model of version 1; `found` says of which."""
    model = parse_model(model_data)
    describe_model(found, model)
    certificate = parse_certificate(certificate_data)
    found.margin = certificate.metered_margin(meter)
    require_sizes(certificate, model)
    rules = {check.rule for group in certificate.groups for check in group.checks}
    found.took_part(Terms, *(table_rule(table).check for table in certificate.tables))
    found.took_part(check_claims, *(group_rule(rule).check for rule in rules))
    weighing = None if distribution is None else Weighing(distribution, model, meter)
    sha256 = found.model_sha256
    correct = check_claims(model, sha256, certificate, meter, counts, weighing)
    if weighing is not None:
        state_weight(found, weighing.distribution, weighing.certified, weighing.total)
    return correct
