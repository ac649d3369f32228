"""Strategy `sample`: a statistical statement about inputs that are too many to try, beside what is proved of others.

The samples follow from the claim (`checker.rules.draw`); all that is chosen here is what the claim says.
"""

from dataclasses import replace
from hashlib import sha256
from math import log

from certificates.certificate_file import format_certificate
from certificates.evaluate import choose_passes, format_claim, unlimited
from certificates.prover import Proof
from checker import check
from checker.certificate import group_size
from checker.certificate_file import parse_certificate
from checker.errors import Declined
from checker.header import model_hash
from checker.inputs import Inputs
from checker.models.attention_only import parse_model
from checker.rules.binomial import tail_is_at_most
from checker.rules.certificate import parse_claim
from checker.rules.evaluate import Sizes
from checker.rules.examine import PROGRAM
from checker.rules.sample import count_right, strata
from checker.rules.sample_file import parse_sample
from checker.verdict import Verdict

SAMPLES, ONE_IN = 10_000, 1000
# Binary places of the share that is claimed.
PLACES = 32


def prove_sample(model_data: bytes, samples: int = SAMPLES, one_in: int = ONE_IN, certificate: bytes = b"") -> Proof:
    """A certificate of so many samples, with an error of one in `one_in`.

    Of an ordinary certificate, the groups or intervals are kept of which it leaves out no larger share than so many
    samples would, were they all correct; the other inputs are sampled. Raises `Declined` if there are none.
    """
    sha256_of_model, meter, found = model_hash(model_data), unlimited(), Verdict("")
    kept = _kept(model_data, certificate, log(one_in) / samples) if certificate else b""
    program, certified, inside = strata(model_data, kept, found, meter)
    if inside == found.total:
        raise Declined("strategy sample: the certificate leaves no inputs to sample")
    passes = choose_passes(program)
    text = format_sample(sha256_of_model, samples, one_in, 0, (0, 0), passes, kept)
    right = count_right(program, parse_sample(text), certified, meter)
    share = largest_share(samples, right, one_in)
    text = format_sample(sha256_of_model, samples, one_in, right, share, passes, kept)
    verdict = check(model_data, text)
    if verdict.verdict != "accepted":
        raise Declined(f"strategy sample: {verdict.reason}")
    operations = verdict.operations, verdict.machine_operations
    return Proof(text, verdict.correct_at_least, *operations, (verdict.statement,))


def _kept(model_data: bytes, certificate: bytes, most: float) -> bytes:
    """A certificate of the groups or intervals that leave out at most so large a share of their inputs."""
    if model_data.startswith(PROGRAM):
        claim = parse_claim(certificate)
        inputs = strata(model_data, b"", Verdict(""), unlimited())[0].inputs
        intervals = tuple(one for one in claim.proof.intervals if _left_out(inputs, one) <= most)
        proof = replace(claim.proof, intervals=intervals)
        text = format_claim(claim.model_sha256, sum(correct for *_, correct in intervals), proof)
    else:
        model = parse_model(model_data)
        found = parse_certificate(certificate)
        sizes = [group_size(group, model.positions) for group in found.groups]
        groups = tuple(g for g, size in zip(found.groups, sizes, strict=True) if 1 - g.correct / size <= most)
        text = format_certificate(replace(found, correct=sum(group.correct for group in groups), groups=groups))
    return text.encode("ascii")


def _left_out(inputs: Inputs, interval: tuple[int, int, int]) -> float:
    first, last, correct = interval
    return 1 - correct / max(1, inputs.count(unlimited(), first, last))


def largest_share(samples: int, right: int, one_in: int) -> tuple[int, int]:
    """The largest share of PLACES binary places that the kernel takes for a lower bound; 0 for none."""
    low, high = 0, 1 << PLACES  # as if 0 were one, and all surely none
    while high - low > 1:
        middle = (low + high) // 2
        if tail_is_at_most(samples, right, (middle, PLACES), one_in):
            low = middle
        else:
            high = middle
    if not low:
        return 0, 0
    zeros = (low & -low).bit_length() - 1
    return low >> zeros, PLACES - zeros


def format_sample(
    model_sha256: str,
    samples: int,
    one_in: int,
    right: int,
    share: tuple[int, int],
    passes: list[Sizes],
    certificate: bytes,
) -> bytes:
    """The canonical text of a certificate of the kind `sample` (`docs/formats.md`)."""
    lines = [
        "compact-proofs-sample 1",
        f"model {model_sha256}",
        f"samples {samples}",
        f"one_in {one_in}",
        f"certificate {sha256(certificate).hexdigest() if certificate else 'none'}",
        f"right {right}",
        f"share {share[0]} {share[1]}",
        f"passes {len(passes)}",
        *(" ".join(map(str, each)) for each in passes),
        "end\n",
    ]
    return "\n".join(lines).encode("ascii") + certificate
