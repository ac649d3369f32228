"""Strategy `brute-force`: every input tried against every output, and nothing listed.

One rule covers all inputs of one label and one query. This is the tightest bound and the longest
proof, and possible only for models of few inputs.
"""

from collections.abc import Iterator

from certificates.progress import steps
from certificates.prover import Ledger, Proof, Prover
from checker.certificate import Check, Group
from checker.rules.margin import NO_MARGIN, Margin


def prove_brute_force(model_data: bytes, margin: Margin = NO_MARGIN) -> Proof:
    """A certificate that tries each input. Raises `Declined` where there are too many."""
    prover = Prover(model_data, margin=margin)
    single_outputs = prover.partition(tuple(range(prover.model.outputs + 1)))
    ledger = Ledger(prover)
    for group in _groups(prover.model.vocabulary, prover.fine_bits, single_outputs):
        ledger.add(group)
    return ledger.proof()


def _groups(vocabulary: int, bits: int, partition: int) -> Iterator[Group]:
    for label in steps("try every input", range(vocabulary)):
        bands = ((label, 1),) if label else ()
        check = Check("enumerate", bits, 1, partition, None, bands)
        for query in range(label + 1):
            yield Group(label, query, query, 0, (check,))
