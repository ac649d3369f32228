"""The families of models, one line each, and what examines a certificate."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from checker.groups import examine_groups
from checker.meter import Meter
from checker.rules.distribution import Distribution
from checker.rules.examine import PROGRAM, examine_program
from checker.rules.sample import examine_sample
from checker.rules.sample_file import SAMPLE
from checker.verdict import Verdict

# Finds the number of inputs that a certificate proves correct, given the bytes of both files, a
# verdict to say of which inputs, and what else; a meter; a list for what is found in each group or
# interval; and perhaps a distribution to weigh them by.
Examine = Callable[[bytes, bytes, Verdict, Meter, list[int], Distribution | None], int]


@dataclass(frozen=True)
class Family:
    """How the files of its models begin, and what examines certificates."""

    start: bytes
    examine: Examine


# A model file is of the first that fits.
FAMILIES: tuple[Family, ...] = (
    Family(PROGRAM, examine_program),
    Family(b"", examine_groups),
)


def examine_of(model_data: bytes, certificate_data: bytes) -> Examine:
    """What examines a certificate of these beginnings."""
    examine = next(family.examine for family in FAMILIES if model_data.startswith(family.start))
    return partial(examine_sample, examine) if certificate_data.startswith(SAMPLE) else examine
