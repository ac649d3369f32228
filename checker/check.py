"""The check: a model file and a certificate file in, a verdict out."""

import time

from checker.errors import Declined, Rejected
from checker.families import examine_of
from checker.header import model_hash
from checker.meter import Meter
from checker.rules.distribution import parse_distribution
from checker.rules.registry import VERIFIED_RULES
from checker.text import any_number_of_digits
from checker.verdict import Verdict, percentage


@any_number_of_digits()
def check(
    model_data: bytes,
    certificate_data: bytes,
    counts: list[int] | None = None,
    distribution_data: bytes | None = None,
) -> Verdict:
    """Check a certificate against a model, both given as the bytes of their files, and weigh what
    it proves by a distribution, if there is one.

    To `counts`, if given, is appended how many inputs are found certified, in each group or
    interval.

    Bytes of any kind lead to a verdict: a file that cannot be judged is declined, and so is one for
    which Python's memory or stack does not suffice. FLINT ends the process where its memory does
    not; what comes from outside, such as `KeyboardInterrupt`, passes.
    """
    start, meter, found = time.perf_counter(), Meter(), Verdict("declined")
    counts = [] if counts is None else counts
    try:
        found.model_bytes, found.certificate_bytes = len(model_data), len(certificate_data)
        found.model_sha256 = model_hash(model_data)
        distribution = None if distribution_data is None else parse_distribution(distribution_data)
        examine = examine_of(model_data, certificate_data)
        correct = examine(model_data, certificate_data, found, meter, counts, distribution)
        found.correct_at_least, found.share = correct, percentage(correct, found.total)
        if not found.kind:
            found.kind, found.statement = "count", found.counted()
        found.verdict = "accepted"
    except (Declined, Rejected) as error:
        found.verdict = "rejected" if isinstance(error, Rejected) else "declined"
        found.reason = str(error)
    except (MemoryError, RecursionError) as error:
        found.reason = f"resources: {type(error).__name__}"
    found.operations, found.machine_operations = meter.operations, meter.machine_operations
    found.operations_by_rule = meter.by_rule
    found.unverified_rules = sorted(meter.by_rule.keys() - VERIFIED_RULES)
    found.seconds = time.perf_counter() - start
    return found
