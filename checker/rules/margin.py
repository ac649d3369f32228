"""The rule `margin`: a certificate may claim inputs that are correct by a margin.

Premises: a dyadic t > 0. Conclusion: what is claimed of inputs holds with "the label's logit
exceeds every other one by more than t" in place of "is greater than every other one". The label's
logit is taken less t, rounded down, wherever it is compared; as t is the same for all inputs, this
is its direct path less t in max-of-K. Failure: none. Operations: one subtraction for each entry of
the table EU, or for each answer of an input of a program.
"""

from checker.numbers.rounding import shift_up
from checker.text import Reader

MAX_MARGIN = 2**62
MAX_MARGIN_EXPONENT = 256

# integer * 2**exponent; the integer is odd, or both are 0.
Margin = tuple[int, int]
NO_MARGIN: Margin = (0, 0)


def parse_margin(reader: Reader) -> Margin:
    """The margin of a certificate, which is not written where it is 0."""
    if reader.next != "margin":
        return NO_MARGIN
    limits = (-MAX_MARGIN_EXPONENT, MAX_MARGIN_EXPONENT, "max_margin_exponent")
    integer, exponent = reader.take("margin", (1, MAX_MARGIN, "max_margin"), limits)
    if integer % 2 == 0:
        raise reader.fail("an odd number, and an exponent, before here")
    reader.take("\n")
    return integer, exponent


def units(margin: Margin, bits: int) -> int:
    """The margin in fixed point of `bits` bits, rounded up."""
    return shift_up(margin[0], margin[1] + bits)


def decimal(margin: Margin) -> str:
    """The margin as a decimal number, which is exact."""
    places = max(0, -margin[1])
    digits = str(margin[0] * 5**places << max(0, margin[1])).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}" if places else digits
