"""Cases of statements other than a count: margins and samples that are not spelled as they must be."""

from collections.abc import Iterator
from hashlib import sha256

from files import Case
from programs import PROGRAM
from programs import certificate as program_certificate


def sample(**changes: str) -> str:
    """A sample about the program, with some of its lines changed."""
    lines = {
        "model": sha256(PROGRAM.encode()).hexdigest(),
        "samples": "8",
        "one_in": "100",
        "certificate": "none",
        "right": "0",
        "share": "0 0",
        "passes": "1",
    }
    text = "".join(f"{name} {value}\n" for name, value in (lines | changes).items())
    return f"compact-proofs-sample 1\n{text}8 8 8\nend\n"


def refused(model: bytes, certificate: bytes) -> Iterator[Case]:
    def of_sample(name: str, reason: str, keyword: str, text: str) -> Case:
        data = PROGRAM.encode(), text.encode()
        return Case(f"sample-{name}", "declined", *data, reason, keywords=(keyword,), program=True)

    yield of_sample("of-no-inputs", "there must be a sample", "samples", sample(samples="0"))
    yield of_sample("of-too-many", "more samples than the limit", "max_samples", sample(samples=str(2**20 + 1)))
    yield of_sample("without-confidence", "an error of one in one", "one_in", sample(one_in="1"))
    yield of_sample("of-more-right-than-there-are", "nine of eight", "right", sample(right="9"))
    yield of_sample("share-of-more-than-all", "the share is 3/2", "share", sample(share="3 1"))
    yield of_sample("share-in-another-spelling", "2/4 is 1/2", "share", sample(share="2 2"))
    other = sample() + program_certificate(PROGRAM)
    yield of_sample("other-certificate", "what follows has another hash", "certificate", other)
    yield of_sample("without-its-certificate", "a hash of nothing", "none", sample(certificate="0" * 64))
    place = certificate.index(b"score_bits")
    for name, line, reason in (
        ("zero", "margin 0 0", "a margin of 0 has no line"),
        ("even", "margin 2 -1", "the integer of a margin is odd"),
        ("twice", "margin 1 -1\nmargin 1 -1", "a second margin"),
        ("too-fine", "margin 1 -257", "an exponent beyond the limit"),
    ):
        changed = certificate[:place] + line.encode() + b"\n" + certificate[place:]
        keyword = {"even": "odd", "twice": "score_bits"}.get(name, "margin")
        yield Case(f"margin-{name}", "declined", model, changed, reason, keywords=(keyword,))
