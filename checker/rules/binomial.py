"""The tail of a binomial distribution, bounded from above in integers."""

BITS = 192

# (m, x) stands for m * 2**x, and is an upper bound of something that is not negative.
Upper = tuple[int, int]


def rounded(m: int, x: int) -> Upper:
    """(m, x) rounded up to BITS bits."""
    shift = max(0, m.bit_length() - BITS)
    return -(-m >> shift), x + shift


def power(base: Upper, exponent: int) -> Upper:
    """An upper bound of base**exponent, for exponent >= 1."""
    m, x = base
    for bit in bin(exponent)[3:]:
        m, x = rounded(m * m, 2 * x)
        if bit == "1":
            m, x = rounded(m * base[0], x + base[1])
    return m, x


def tail_is_at_most(trials: int, least: int, share: tuple[int, int], one_in: int) -> bool:
    """Whether it is certain that, of `trials` >= 1 independent draws that are right with
    probability p = numerator / 2**places, 0 < p <= 1, `least` or more are right with probability
    1 / `one_in` or less.

    With j wrong, the terms of the sum over j = 0 ... trials - least of

        comb(trials, j) (1 - p)**j p**(trials - j)

    have the quotients (trials - j) (1 - p) / ((j + 1) p). Each is rounded up.
    """
    numerator, places = share
    others, total = (1 << places) - numerator, 0
    m, x = power((numerator, -places), trials)
    for j in range(trials - least + 1):
        total += m << x + BITS if x + BITS >= 0 else -(-m >> -x - BITS)
        quotient = -(-(m * (trials - j) * others << BITS) // ((j + 1) * numerator))
        m, x = rounded(quotient, x - BITS)
    return total * one_in <= 1 << BITS
