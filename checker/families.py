"""The families of models, one line each."""

from collections.abc import Callable
from dataclasses import dataclass

from checker.groups import examine_groups
from checker.meter import Meter
from checker.rules.examine import PROGRAM, examine_program
from checker.verdict import Verdict


@dataclass(frozen=True)
class Family:
    """How the files of its models begin; and what finds the number of inputs that a certificate
    proves correct, given the bytes of both files, a verdict to say of which inputs, a meter, and a
    list for what is found in each group or interval."""

    start: bytes
    examine: Callable[[bytes, bytes, Verdict, Meter, list[int]], int]


# A model file is of the first that fits.
FAMILIES: tuple[Family, ...] = (
    Family(PROGRAM, examine_program),
    Family(b"", examine_groups),
)
