"""Changes to the claims, groups, checks, bands, partitions and precisions of a certificate.

They keep the file well formed, as far as what they change allows, and carry the total along.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from checker.certificate import Certificate, Check, Group
from checker.models.attention_only import ExactModel
from fuzzing.certificates import (
    file_of,
    margin_at_the_truth,
    random_check,
    random_levels,
    random_partition,
    runs_of,
    singletons,
)
from fuzzing.judge import Truth
from fuzzing.registry import Case, of_certificates, register

OfGroup = Callable[[random.Random, Group, ExactModel], Group | None]
OfCheck = Callable[[random.Random, Check, int, Certificate], Check | None]

MAX_BANDS = 64


def with_groups(certificate: Certificate, groups: Sequence[Group]) -> Certificate:
    """The certificate with other groups, and their sum as its claim."""
    return replace(certificate, groups=tuple(groups), correct=sum(group.correct for group in groups))


def with_one_changed(
    rng: random.Random, certificate: Certificate, change: Callable[[Group], Group | None]
) -> Certificate | None:
    """The certificate with a change to one group, taken at random."""
    groups = list(certificate.groups)
    if not groups:
        return None
    place = rng.randrange(len(groups))
    changed = change(groups[place])
    if changed is None:
        return None
    groups[place] = changed
    return with_groups(certificate, groups)


def of_groups(name: str, description: str) -> Callable[[OfGroup], OfGroup]:
    """Registers a mutation of one group, taken at random."""

    def decorate(change: OfGroup) -> OfGroup:
        def mutation(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
            return with_one_changed(rng, certificate, lambda group: change(rng, group, model))

        of_certificates(name, description)(mutation)
        return change

    return decorate


def of_checks(name: str, description: str) -> Callable[[OfCheck], OfCheck]:
    """Registers a mutation of one check of one group, both taken at random."""

    def decorate(change: OfCheck) -> OfCheck:
        def mutation(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
            def in_group(group: Group) -> Group | None:
                checks = list(group.checks)
                at = rng.randrange(len(checks))
                changed = change(rng, checks[at], group.label, certificate)
                if changed is None:
                    return None
                checks[at] = changed
                return replace(group, checks=tuple(checks))

            return with_one_changed(rng, certificate, in_group)

        of_certificates(name, description)(mutation)
        return change

    return decorate


def of_exchanges(name: str, description: str, exchange: Callable[[Group, Group], tuple[Group, Group]]) -> None:
    """Registers a mutation that puts, for two groups taken at random, what `exchange` makes of them."""

    @of_certificates(name, description)
    def mutation(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
        groups = list(certificate.groups)
        if len(groups) < 2:
            return None
        one, other = rng.sample(range(len(groups)), 2)
        groups[one], groups[other] = exchange(groups[one], groups[other])
        return with_groups(certificate, groups)


def of_truth(name: str, description: str, change: Callable[[random.Random, Group, Truth], Group | None]) -> None:
    """Registers a mutation that sets something in one group, taken at random, by what is true of its inputs."""

    def mutation(rng: random.Random, case: Case) -> Case | None:
        truth = case.truth
        if case.parsed is None or truth is None:
            return None

        def of_inputs(group: Group) -> Group | None:
            there = group.first_query <= group.last_query <= group.label < truth.oracle.vocabulary
            return change(rng, group, truth) if there else None

        changed = with_one_changed(rng, case.parsed, of_inputs)
        return None if changed is None else replace(case, certificate=file_of(changed))

    register(name, description, mutation)


# Claims


@of_certificates("total raised", "the claim of the whole certificate is one more than that of its groups")
def _total_raised(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    return replace(certificate, correct=certificate.correct + 1)


@of_certificates("total changed", "the claim of the whole certificate is any other number")
def _total_changed(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    numbers = (certificate.correct - 1, 0, model.total, model.total + 1, 2**63, 2**64, 10**799)
    return replace(certificate, correct=max(0, rng.choice(numbers)))


@of_groups("claim raised", "a group claims one more, and so does the certificate")
def _claim_raised(rng: random.Random, group: Group, model: ExactModel) -> Group:
    return replace(group, correct=group.correct + 1)


@of_groups("claim lowered", "a group claims one less, and so does the certificate")
def _claim_lowered(rng: random.Random, group: Group, model: ExactModel) -> Group:
    return replace(group, correct=max(0, group.correct - 1))


@of_groups("claim of everything", "a group claims as many inputs as it has, or has ever heard of")
def _claim_of_everything(rng: random.Random, group: Group, model: ExactModel) -> Group:
    others = model.positions - 1
    sizes = ((group.label + 1) ** others, (group.label + 1) ** others - group.label**others, model.total, 2**63, 2**64)
    return replace(group, correct=rng.choice(sizes))


of_exchanges(
    "claims exchanged",
    "two groups have each other's claims",
    lambda one, other: (replace(one, correct=other.correct), replace(other, correct=one.correct)),
)


@of_certificates("claims cleared", "no group claims anything, so that none is rejected for its claim")
def _claims_cleared(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    return with_groups(certificate, [replace(group, correct=0) for group in certificate.groups])


of_truth(
    "claim true",
    "a group claims as many inputs as are correct in truth",
    lambda rng, group, truth: replace(group, correct=truth.correct_in(group.label, group.queries)),
)
of_truth(
    "claim beyond the truth",
    "a group claims one more than are correct in truth",
    lambda rng, group, truth: replace(group, correct=truth.correct_in(group.label, group.queries) + 1),
)


# Groups


@of_certificates("group deleted", "a group is left out")
def _group_deleted(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    groups = list(certificate.groups)
    if not groups:
        return None
    del groups[rng.randrange(len(groups))]
    return with_groups(certificate, groups)


@of_certificates("group duplicated", "a group is there twice, next to itself or elsewhere")
def _group_duplicated(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    groups = list(certificate.groups)
    if not groups:
        return None
    place = rng.randrange(len(groups))
    groups.insert(rng.choice((place, rng.randint(0, len(groups)))), groups[place])
    return with_groups(certificate, groups)


of_exchanges("groups exchanged", "two groups change places", lambda one, other: (other, one))


@of_certificates("groups shuffled", "all groups are in another order")
def _groups_shuffled(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    return with_groups(certificate, rng.sample(certificate.groups, len(certificate.groups)))


@of_certificates("groups overlap", "a group reaches into the one before it or after it")
def _groups_overlap(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    groups = list(certificate.groups)
    if len(groups) < 2:
        return None
    place = rng.randrange(len(groups) - 1)
    one, other = groups[place : place + 2]
    if rng.random() < 0.5:
        groups[place] = replace(one, last_query=other.last_query)
    else:
        groups[place + 1] = replace(other, first_query=min(one.first_query, other.last_query), label=one.label)
    return with_groups(certificate, groups)


@of_certificates("groups merged", "neighbouring groups become one that claims what both did")
def _groups_merged(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    groups = list(certificate.groups)
    if len(groups) < 2:
        return None
    place = rng.randrange(len(groups) - 1)
    one, other = groups[place : place + 2]
    both = replace(one, last_query=other.last_query, correct=one.correct + other.correct)
    groups[place : place + 2] = [both if rng.random() < 0.5 else replace(both, checks=other.checks)]
    return with_groups(certificate, groups)


@of_certificates("group split", "a group of several queries becomes two, one of which has its claim")
def _group_split(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    groups = list(certificate.groups)
    wide = [i for i, group in enumerate(groups) if group.first_query < group.last_query]
    if not wide:
        return None
    place = rng.choice(wide)
    group = groups[place]
    last = rng.randrange(group.first_query, group.last_query)
    parts = [replace(group, last_query=last), replace(group, first_query=last + 1)]
    spared = rng.randrange(2)
    parts[spared] = replace(parts[spared], correct=rng.choice((0, 1)))
    groups[place : place + 1] = parts
    return with_groups(certificate, groups)


@of_groups("label shifted", "a group is about the next label, or the one before")
def _label_shifted(rng: random.Random, group: Group, model: ExactModel) -> Group:
    return replace(group, label=max(0, group.label + rng.choice((1, -1))))


@of_groups("queries shifted", "the first or the last query of a group, or both, are others")
def _queries_shifted(rng: random.Random, group: Group, model: ExactModel) -> Group:
    first, last = group.first_query + rng.choice((0, 1, -1)), group.last_query + rng.choice((0, 1, -1))
    return replace(group, first_query=max(0, first), last_query=max(0, last))


@of_groups("group moved", "a group is about any other label and queries")
def _group_moved(rng: random.Random, group: Group, model: ExactModel) -> Group:
    label = rng.randint(0, model.vocabulary)
    first = rng.randint(0, label)
    return replace(group, label=label, first_query=first, last_query=rng.randint(first, label))


@of_groups("index far away", "a label or a query of a group is out of range")
def _index_far_away(rng: random.Random, group: Group, model: ExactModel) -> Group:
    name = rng.choice(("label", "first_query", "last_query"))
    far = (model.vocabulary, model.vocabulary + 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, 2**64 + group.label)
    index = rng.choice(far)
    if name == "label":
        return replace(group, label=index)
    return replace(group, first_query=index) if name == "first_query" else replace(group, last_query=index)


# Checks of a group


@of_groups("check deleted", "a check is left out")
def _check_deleted(rng: random.Random, group: Group, model: ExactModel) -> Group | None:
    checks = list(group.checks)
    if len(checks) < 2:
        return None
    del checks[rng.randrange(len(checks))]
    return replace(group, checks=tuple(checks))


@of_groups("check duplicated", "a check is there twice")
def _check_duplicated(rng: random.Random, group: Group, model: ExactModel) -> Group:
    checks = list(group.checks)
    checks.insert(rng.randint(0, len(checks)), rng.choice(checks))
    return replace(group, checks=tuple(checks))


@of_groups("checks shuffled", "the checks of a group are in another order")
def _checks_shuffled(rng: random.Random, group: Group, model: ExactModel) -> Group:
    return replace(group, checks=tuple(rng.sample(group.checks, len(group.checks))))


of_exchanges(
    "checks exchanged",
    "two groups have each other's checks",
    lambda one, other: (replace(one, checks=other.checks), replace(other, checks=one.checks)),
)


@of_checks("check replaced", "a check is a random one")
def _check_replaced(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    if label > MAX_BANDS:
        return None
    return random_check(rng, rng.choice(("levels", "enumerate")), label, certificate.partitions, rng.random() < 0.5)


@of_checks("rule exchanged", "a check is by the other rule")
def _rule_exchanged(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check:
    if check.rule == "levels":
        return replace(check, rule="enumerate", levels=())
    bands = sum(count for count, _ in check.bands)
    return replace(check, rule="levels", levels=tuple(random_levels(rng, min(bands, MAX_BANDS))))


@of_checks("margin lowered", "the margin of a check is smaller: one less, half, or one")
def _margin_lowered(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check:
    return replace(check, margin=max(1, rng.choice((check.margin - 1, check.margin // 2, 1))))


@of_checks("margin raised", "the margin of a check is larger, a little or a lot")
def _margin_raised(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check:
    margins = (check.margin + 1, 2 * check.margin, check.margin << rng.randint(1, 40), 2**62, 2**63, 2**64)
    return replace(check, margin=rng.choice(margins))


@of_checks("bits changed", "a check is in another fixed point, with the same number for its margin")
def _bits_changed(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check:
    bits = rng.choice((check.bits - 1, check.bits + 1, rng.randint(1, 6), rng.randint(1, 80), 512))
    return replace(check, bits=max(1, bits))


@of_checks("margin rescaled", "a check is in another fixed point, with the same margin, rounded down")
def _margin_rescaled(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check:
    bits = rng.choice((rng.randint(1, 6), rng.randint(1, 80)))
    return replace(check, bits=bits, margin=max(1, (check.margin << bits) >> check.bits))


@of_checks("classes changed", "a check covers other classes of outputs")
def _classes_changed(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    every = range(len(certificate.partitions[check.partition]) - 1)
    chosen = tuple(sorted(rng.sample(every, rng.randint(1, len(every)))))
    if check.classes is None:
        return replace(check, classes=chosen)
    toggled = tuple(sorted(set(check.classes) ^ {rng.choice(every)}))
    return replace(check, classes=rng.choice((None, chosen, toggled or chosen)))


@of_checks("partition exchanged", "a check is about the classes of another partition")
def _partition_exchanged(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check:
    partition = rng.randrange(len(certificate.partitions))
    last = len(certificate.partitions[partition]) - 2
    if check.classes is None:
        return replace(check, partition=partition)
    fitting = tuple(c for c in check.classes if c <= last) or (0,)
    return replace(check, partition=partition, classes=rng.choice((fitting, fitting, None)))


def _margin_at_the_truth(rng: random.Random, group: Group, truth: Truth) -> Group | None:
    """Sets the margin of a check to that of an input of its group, to within two units."""
    checks = list(group.checks)
    at = rng.randrange(len(checks))
    query = rng.randint(group.first_query, group.last_query)
    margin = margin_at_the_truth(rng, truth, group.label, query, checks[at].bits)
    if margin is None:
        return None
    checks[at] = replace(checks[at], margin=margin)
    return replace(group, checks=tuple(checks), correct=rng.choice((group.correct, 0)))


of_truth("margin at the truth", "the margin of a check is that of an input, to within two units", _margin_at_the_truth)


# Bands and levels


def _widths(check: Check) -> list[int] | None:
    """The width of each band, unless there are far too many."""
    if sum(min(count, MAX_BANDS + 1) for count, _ in check.bands) > MAX_BANDS:
        return None
    return [width for count, width in check.bands for _ in range(count)]


def with_widths(rng: random.Random, check: Check, widths: Sequence[int]) -> Check:
    """The check with other bands. Levels stay as they are where they still hold every band once."""
    levels = check.levels
    if check.rule == "levels" and sum(levels) != len(widths):
        levels = tuple(random_levels(rng, len(widths)))
    return replace(check, bands=runs_of(widths), levels=levels)


@of_checks("bands merged", "two neighbouring bands are one")
def _bands_merged(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    widths = _widths(check)
    if widths is None or len(widths) < 2:
        return None
    place = rng.randrange(len(widths) - 1)
    return with_widths(rng, check, [*widths[:place], widths[place] + widths[place + 1], *widths[place + 2 :]])


@of_checks("band split", "a band is divided in two")
def _band_split(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    widths = _widths(check)
    wide = [i for i, width in enumerate(widths or ()) if width > 1]
    if not widths or not wide:
        return None
    place = rng.choice(wide)
    part = rng.randrange(1, widths[place])
    return with_widths(rng, check, [*widths[:place], part, widths[place] - part, *widths[place + 1 :]])


@of_checks("band deleted", "a band is left out, and those after it begin earlier")
def _band_deleted(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    widths = _widths(check)
    if not widths:
        return None
    del widths[rng.randrange(len(widths))]
    return with_widths(rng, check, widths)


@of_checks("band added", "there is one more band, perhaps up to the label or beyond")
def _band_added(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    widths = _widths(check)
    if widths is None:
        return None
    widths.insert(rng.randint(0, len(widths)), rng.randint(1, 3))
    return with_widths(rng, check, widths)


@of_checks("band widened", "a band has one token more, or far too many")
def _band_widened(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    widths = _widths(check)
    if not widths:
        return None
    widths[rng.randrange(len(widths))] += rng.choice((1, 1, 1, 2**31, 2**63, 2**64))
    return with_widths(rng, check, widths)


@of_checks("bands below the label", "there is one band for each token below the label, or for fewer")
def _bands_below_the_label(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    if label > MAX_BANDS:
        return None
    return with_widths(rng, check, [1] * (label if rng.random() < 0.6 else rng.randint(0, label)))


@of_checks("levels regrouped", "the bands are in other levels")
def _levels_regrouped(rng: random.Random, check: Check, label: int, certificate: Certificate) -> Check | None:
    bands = sum(check.levels)
    if check.rule != "levels" or bands > MAX_BANDS:
        return None
    return replace(check, levels=rng.choice((tuple(random_levels(rng, bands)), (bands,) if bands else ())))


# Partitions and precisions


@of_certificates("cuts changed", "a partition divides the outputs elsewhere")
def _cuts_changed(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    partitions = list(certificate.partitions)
    if not partitions:
        return None
    place = rng.randrange(len(partitions))
    inner = set(partitions[place][1:-1]) ^ {rng.randint(1, model.outputs)} - {model.outputs}
    cuts = (0, *sorted(inner), model.outputs)
    partitions[place] = rng.choice((cuts, random_partition(rng, model.outputs)))
    return replace(certificate, partitions=tuple(partitions))


@of_certificates("partition added", "there is one more partition, before those in use")
def _partition_added(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    added = rng.choice(((0, model.outputs), singletons(model.outputs), random_partition(rng, model.outputs)))
    place = rng.randint(0, len(certificate.partitions))
    partitions = (*certificate.partitions[:place], added, *certificate.partitions[place:])
    return replace(certificate, partitions=partitions)


@of_certificates("partition deleted", "a partition is left out, and those after it have other numbers")
def _partition_deleted(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate | None:
    partitions = list(certificate.partitions)
    if not partitions:
        return None
    del partitions[rng.randrange(len(partitions))]
    return replace(certificate, partitions=tuple(partitions))


@of_certificates("score bits changed", "scores are rounded to another precision")
def _score_bits_changed(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    bits = rng.choice((rng.randint(1, 4), rng.randint(1, 24), rng.randint(1, 512), certificate.score_bits - 1))
    return replace(certificate, score_bits=max(1, min(bits, certificate.exponential_bits)))


@of_certificates("exponential bits changed", "exponentials are rounded to another precision")
def _exponential_bits_changed(rng: random.Random, certificate: Certificate, model: ExactModel) -> Certificate:
    bits = certificate.score_bits + rng.choice((0, 1, rng.randint(0, 16), rng.randint(0, 200), 512))
    return replace(certificate, exponential_bits=min(bits, 4096))
