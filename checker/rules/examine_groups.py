"""The check of a model of version 1 and a certificate, and what it is about."""

from checker.certificate_file import parse_certificate, require_sizes
from checker.groups import check_claims
from checker.meter import Meter
from checker.models.attention_only import ExactModel, parse_model
from checker.models.terms import Terms
from checker.rules.distribution import Distribution, state_weight
from checker.rules.margin import decimal
from checker.rules.registry import group_rule
from checker.rules.tables import table_rule
from checker.rules.weigh import Weighing
from checker.verdict import Verdict


def describe_model(found: Verdict, model: ExactModel) -> None:
    """Says which model a verdict is about, and of which inputs."""
    found.total, found.task = model.total, model.task
    found.tokens, found.positions = model.vocabulary, model.positions


def examine_groups(
    model_data: bytes,
    certificate_data: bytes,
    found: Verdict,
    meter: Meter,
    counts: list[int],
    distribution: Distribution | None,
) -> int:
    """The number of inputs proved correct of a model of version 1; `found` says of which."""
    model = parse_model(model_data)
    describe_model(found, model)
    certificate = parse_certificate(certificate_data)
    found.margin = decimal(certificate.margin)
    require_sizes(certificate, model)
    rules = {check.rule for group in certificate.groups for check in group.checks}
    found.took_part(Terms, *(table_rule(table).check for table in certificate.tables))
    found.took_part(examine_groups, *(group_rule(rule).check for rule in rules))
    weighing = None if distribution is None else Weighing(distribution, model, meter)
    sha256 = found.model_sha256
    correct = check_claims(model, sha256, certificate, meter, counts, weighing)
    if weighing is not None:
        state_weight(found, weighing.distribution, weighing.certified, weighing.total)
    return correct
