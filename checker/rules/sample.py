"""The rule `sample`: a statistical statement about the inputs that nothing is proved of.

Premises: a number of samples n, an error 1 / q, and perhaps a certificate. The inputs of its groups
or intervals are *certified*, all others are *sampled*. The samples are derived from the lines of
the file that say this and name the model (`checker.rules.draw`), and evaluated as by the rule
`evaluate`. Conclusion: if k or more of the samples are correct, and that has a probability of 1 / q
or less where the share of sampled inputs that are correct is p (`tail_is_at_most`), then p is a
lower bound of that share, with confidence 1 - 1 / q: the bound of Clopper and Pearson, or a smaller
one. Failure: fewer samples are found correct than claimed; a share for which k of n are more
probable; nothing to sample. Operations: one for each attempt to draw a sample.
"""

from dataclasses import dataclass
from hashlib import sha256

from checker.errors import Rejected
from checker.header import parse_model_sha256
from checker.meter import PYTHON, Meter
from checker.models.evaluation import Plan
from checker.models.program import Program
from checker.numbers.balls import Precision
from checker.rules.binomial import tail_is_at_most
from checker.rules.draw import Certified, draw
from checker.rules.evaluate import Sizes, certified_inputs, parse_passes, require_weights
from checker.text import NATURAL, Reader

# How a certificate of this kind begins, and where its own part ends.
SAMPLE, END = b"compact-proofs-sample 1\n", b"\nend\n"
# The lines that the samples are derived from.
CLAIM_LINES = 5
MAX_SAMPLES = 2**20
MAX_ONE_IN = 2**62
MAX_PLACES = 64


@dataclass(frozen=True)
class Sample:
    """That `right` or more of so many `samples`, derived from `seed`, are correct, and that a lower
    bound of the share of sampled inputs that are so is numerator / 2**places, with an error of one
    in `one_in`. `certificate` is that of the other inputs, or empty."""

    model_sha256: str
    samples: int
    one_in: int
    seed: bytes
    right: int
    share: tuple[int, int]
    passes: tuple[Sizes, ...]
    certificate: bytes


def parse_sample(data: bytes) -> Sample:
    """The claim that `data` denotes; it is read without its model. Raises `Declined`."""
    head, end, certificate = data.partition(END)
    reader = Reader(head + end, "certificate")
    reader.take("compact-proofs-sample", "1", "\n")
    model_sha256 = parse_model_sha256(reader)
    [samples] = reader.take("samples", (1, MAX_SAMPLES, "max_samples"), "\n")
    [one_in] = reader.take("one_in", (2, MAX_ONE_IN, "max_one_in"), "\n", "certificate")
    if certificate:
        reader.word(sha256(certificate).hexdigest())
    else:
        reader.word("none")
    [right] = reader.take("\n", "right", (0, samples), "\n")
    numerator, places = reader.take("share", NATURAL, (0, MAX_PLACES, "max_places"), "\n")
    if numerator > 1 << places or (numerator % 2 == 0 and (numerator or places)):
        raise reader.fail("a share from 0 to 1, odd / 2**places or 0 0, before here")
    passes = parse_passes(reader)
    reader.end()
    seed = sha256(b"".join(data.splitlines(keepends=True)[:CLAIM_LINES])).digest()
    share = numerator, places
    return Sample(model_sha256, samples, one_in, seed, right, share, passes, certificate)


def count_right(program: Program, sample: Sample, certified: Certified, meter: Meter) -> int:
    """How many of the samples are certainly correct."""
    require_weights(program, sample.passes, meter)
    plan = Plan(program, meter)
    passes = [Precision(program.tensors, sizes) for sizes in sample.passes]
    each = draw(program.inputs, sample.seed, sample.samples, certified, meter)
    return sum(int(certified_inputs(plan, passes, some, meter).sum()) for some in each)


def require_share(sample: Sample, meter: Meter) -> None:
    """Raises `Rejected` unless the claimed share is a lower bound with the claimed confidence."""
    meter.add("sample", 0, (sample.samples - sample.right + 64) * 8 * PYTHON)
    numerator, places = sample.share
    if numerator and not tail_is_at_most(sample.samples, sample.right, sample.share, sample.one_in):
        least = f"{sample.right} or more of {sample.samples} correct"
        what = f"sample: share {numerator} / 2**{places}: expected a probability of {least}"
        raise Rejected(f"{what} of 1 / {sample.one_in} or less, found more")
