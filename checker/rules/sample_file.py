"""Certificate files of the rule `sample`: a claim about samples, and perhaps a certificate of other
inputs."""

from dataclasses import dataclass
from hashlib import sha256

from checker.header import parse_model_sha256
from checker.rules.evaluate import Sizes, parse_passes
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
