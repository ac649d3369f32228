"""Cases of well-formed certificates: those that prove their claim, and those whose claim must be rejected."""

from collections.abc import Iterator, Mapping, Sequence

from files import (
    Case,
    Rows,
    certificate_text,
    constant,
    enumerate_all,
    equal_attention,
    group,
    identity,
    largest_token,
    levels_all,
    model_text,
    tensor,
    zeros,
)

SINGLE = {size: tuple(range(size + 1)) for size in range(1, 8)}


def pair(
    name: str,
    model: str,
    groups: Sequence[str],
    correct: int,
    partitions: Sequence[Sequence[int]],
    *keywords: str,
    reason: str,
    verdict: str = "",
    tables: Mapping[str, str] | None = None,
    bits: tuple[int, int] = (48, 160),
    **options: bool,
) -> Case:
    """A case of a well-formed certificate: accepted, or with keywords rejected."""
    verdict = verdict or ("rejected" if keywords else "accepted")
    certificate = certificate_text(model, groups, correct, partitions, tables, *bits)
    claim = correct if verdict == "accepted" else 0
    return Case(name, verdict, model.encode(), certificate.encode(), reason, claim, keywords, **options)


def group_size(label: int, query: int, positions: int) -> int:
    """The inputs of one last token whose largest token is `label`."""
    others = positions - 1
    return (label + 1) ** others - (0 if query == label else label**others)


def every_group(positions: int, vocabulary: int, rule: str, bits: int = 40) -> list[str]:
    """A group for each label and last token, claimed in full."""
    line = {"levels": levels_all, "enumerate": enumerate_all}[rule]
    return [
        group(label, query, query, group_size(label, query, positions), line(label, bits))
        for label in range(vocabulary)
        for query in range(label + 1)
    ]


THREE = largest_token(3, 3)
THREE_TEXT = model_text(THREE)
THREE_GROUPS = every_group(3, 3, "enumerate")


# Accepted


def accepted_rules() -> Iterator[Case]:
    """Each rule and each optional field."""
    model, one = THREE_TEXT, [SINGLE[3]]
    yield pair("enumerate-every-input", model, THREE_GROUPS, 27, one, reason="the rule enumerate, a bound each token")
    yield pair("levels-every-input", model, every_group(3, 3, "levels"), 27, one, reason="the rule levels")
    yield pair("no-groups", model, [], 0, [], reason="no groups, a claim of 0")
    yield pair("no-groups-but-partitions", model, [], 0, one, reason="partitions that nothing uses")
    yield pair("some-groups-only", model, THREE_GROUPS[3:], 19, one, reason="inputs of no group are not claimed")
    zero = [group(2, 0, 0, 0, enumerate_all(2))]
    yield pair("group-that-claims-nothing", model, zero, 0, one, reason="a group may claim 0")
    less = [group(2, 0, 0, 4, enumerate_all(2))]
    yield pair("claim-below-the-count", model, less, 4, one, reason="a group may claim less than is found (5)")
    classes = [group(2, 0, 0, 5, "levels 40 1 0 1 0 1 2 1 2 1 1", "enumerate 40 1 0 rest 1 2 1")]
    yield pair("classes-then-rest", model, classes, 5, one, reason="explicit classes first, then the rest")
    rest = [group(2, 0, 0, 5, "enumerate 40 1 0 2 0 1 1 2 1", "enumerate 40 1 0 rest 1 2 1")]
    yield pair("rest-of-nothing", model, rest, 5, one, reason="`rest` where all outputs are covered already")
    own = [group(2, 0, 0, 5, "enumerate 40 1 0 3 0 1 2 1 2 1")]
    yield pair("class-of-the-label", model, own, 5, one, reason="the class of the label alone needs no check")
    coarse = [group(2, 0, 0, 5, "levels 40 1 0 rest 1 2 1 2 1 1")]
    yield pair("one-class-of-all-outputs", model, coarse, 5, [(0, 3)], reason="a class that holds the label too")
    mixed = [group(2, 0, 0, 5, "levels 40 1 1 1 0 1 2 1 2 1 1", "enumerate 40 1 0 rest 1 2 1")]
    yield pair("several-partitions", model, mixed, 5, [SINGLE[3], (0, 1, 3)], reason="checks of two partitions")
    twice = [group(2, 0, 0, 5, *[f"levels {40 + i} 1 {i} rest 1 2 1 2 1 1" for i in range(2)])]
    yield pair("partition-twice", model, twice, 5, [SINGLE[3]] * 2, reason="equal partitions under two numbers")
    nine = [group(2, 0, 0, 5, *[f"levels {40 + i} 1 0 1 {i % 2} 1 2 1 2 1 1" for i in range(9)])]
    yield pair("nine-precisions", model, nine, 5, one, reason="checks of nine precisions")
    wide = [group(2, 0, 1, 10, "levels 40 1 0 rest 1 2 1 2 1 1")]
    yield pair("several-queries", model, wide, 10, one, reason="one group of two last tokens")
    bands = [group(2, 0, 0, 5, "enumerate 40 1 0 rest 1 1 2")]
    yield pair("bands-of-two-tokens", model, bands, 5, one, reason="a band with the worst bound of its tokens")
    runs = [group(3, 0, 0, 7, "levels 40 1 0 rest 2 1 1 1 2 1 2")]
    four = model_text(largest_token(3, 4))
    yield pair("runs-of-bands-in-one-level", four, runs, 7, [SINGLE[4]], reason="runs of several widths, one level")
    below = [group(2, 0, 0, 3, "enumerate 40 1 0 rest 1 1 1")]
    yield pair("bands-of-some-tokens", model, below, 3, one, reason="inputs with a token of no band are not claimed")
    none = [group(2, 0, 0, 1, "levels 40 1 0 rest 0 0"), group(2, 1, 1, 1, "enumerate 40 1 0 rest 0")]
    yield pair("no-bands", model, none, 2, one, reason="only the label in all other positions")
    more = model_text(largest_token(3, 2, 4))
    groups = [group(1, 0, 0, 3, enumerate_all(1)), group(1, 1, 1, 4, levels_all(1))]
    yield pair("outputs-beyond-the-tokens", more, groups, 7, [SINGLE[4]], reason="outputs that are no tokens")
    yield pair("low-precision", model, every_group(3, 3, "levels", 2), 27, one, bits=(8, 60), reason="few bits")


def factor(matrices: int, hint: tuple[Rows, Rows] | None = None, norm: tuple[int, Rows] | None = None) -> str:
    rank = len(hint[1]) if hint else 0
    text = f"factor matrices {matrices} rank {rank}\n"
    if hint:
        text += tensor("A", hint[0]) + tensor("H", hint[1])
    if norm:
        text += tensor("s", [[norm[0]]]) + tensor("C", norm[1])
    return text


def low_rank(*factors: str) -> str:
    return f"low_rank {len(factors)}\n" + "".join(factors)


def product(left: Rows, right: Rows) -> list[list[int]]:
    return [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in zip(*right, strict=True)] for row in left
    ]


# Ways to enclose the tables of the model THREE that leave nothing out, by the table and the shape of its hints.
ONE = identity(3)
FULL = {
    "EU-first-factor": ("EU", low_rank(factor(1, (ONE, THREE["W_E"])), factor(1))),
    "EU-last-factor": ("EU", low_rank(factor(1), factor(1, (ONE, THREE["W_U"])))),
    "EU-both-factors": ("EU", low_rank(factor(1, (ONE, THREE["W_E"])), factor(1, (ONE, THREE["W_U"])))),
    "QK-rank-one": ("QK", low_rank(factor(1), factor(3, ([[1], [1], [1]], [[0, 8, 16]])))),
    "QK-two-matrices-each": ("QK", low_rank(factor(2, ([[1], [1], [1]], [[1, 0, 0]])), factor(2))),
    "QK-three-factors": (
        "QK",
        low_rank(factor(1), factor(2, ([[1], [1], [1]], [[0, 8, 16]]), (0, zeros(3, 3))), factor(1, (ONE, ONE))),
    ),
    "QK-four-factors": (
        "QK",
        low_rank(
            factor(1, (ONE, ONE)),
            factor(1, ([[1], [1], [1]], [[1, 0, 0]]), (0, zeros(3, 3))),
            factor(1, ([[1], [0], [0]], [[0, 8, 16]]), (0, zeros(3, 3))),
            factor(1, (ONE, ONE)),
        ),
    ),
    "OV-four-factors-of-rank-0-but-one": (
        "OV",
        low_rank(
            factor(1), factor(1, None, (1, zeros(3, 3))), factor(1, None, (4, zeros(3, 3))), factor(1, (ONE, ONE))
        ),
    ),
    "OV-norm-with-a-root": (
        "OV",
        # 5**2 I - 4**2 I - 3**2 I = 0: the norm is confirmed with nothing to spare.
        low_rank(factor(2), factor(1, None, (5, identity(3, 3))), factor(1, (ONE, ONE))),
    ),
}


def accepted_tables() -> Iterator[Case]:
    """Low-rank enclosures of every shape, and what a rough enclosure still proves."""
    for name, (table, text) in FULL.items():
        tables = {table: text}
        reason = f"table {table} by hints that leave nothing out"
        yield pair(f"low-rank-{name}", THREE_TEXT, THREE_GROUPS, 27, [SINGLE[3]], tables=tables, reason=reason)
    every = {FULL[name][0]: FULL[name][1] for name in ("EU-both-factors", "QK-three-factors", "OV-norm-with-a-root")}
    yield pair("low-rank-all-tables", THREE_TEXT, THREE_GROUPS, 27, [SINGLE[3]], tables=every, reason="three low_rank")
    rough = {"EU": low_rank(factor(1), factor(1))}
    reason = "no hint at all: a bound of the direct path by norms, which the values outweigh"
    yield pair("low-rank-without-hints", THREE_TEXT, THREE_GROUPS, 27, [SINGLE[3]], tables=rough, reason=reason)
    idle = {"EU": low_rank(factor(1, (zeros(3, 1), [[10**30] * 3])), factor(1))}
    reason = "a huge hint times zero changes nothing"
    yield pair("low-rank-huge-idle-hint", THREE_TEXT, THREE_GROUPS, 27, [SINGLE[3]], tables=idle, reason=reason)


# The margin of output 1 over output 0 with three positions is direct[last] + mean(moved): -1 + k for k ones.
TIED = model_text(equal_attention((-1, 0), (0, 3)))


def shifted(direct: int, exponent: int, moved: int = 3) -> str:
    """A model whose margin after last token 0 is direct * 2**exponent plus the number of ones (for moved = 3)."""
    text = model_text(equal_attention((0, 0), (0, moved)))
    old = "tensor W_U 3 2 0\n0 0\n0 0\n0 1\n"
    unit = (1 << -exponent, 0) if exponent < 0 else (1, exponent)
    new = tensor("W_U", [[0, direct], [0, 0], [0, unit[0]]], min(exponent, 0))
    if exponent > 0:
        new = tensor("W_U", [[0, direct << exponent], [0, 0], [0, 1]])
    if old not in text:
        raise ValueError("the output weights have changed")
    return text.replace(old, new)


def certify_one(correct: int, rule: str, bits: int, margin: int = 1) -> list[str]:
    """The inputs with label 1 and last token 0: (0, 1), (1, 0), (1, 1)."""
    line = {"levels": levels_all, "enumerate": enumerate_all}[rule]
    return [group(1, 0, 0, correct, line(1, bits, margin))]


def accepted_numbers() -> Iterator[Case]:
    """Ties, tiny margins, and numbers at the edges of machine words."""
    two = [SINGLE[2]]
    groups = [group(0, 0, 0, 1, levels_all(0)), *certify_one(1, "enumerate", 40), group(1, 1, 1, 4, levels_all(1))]
    yield pair("ties-left-out", TIED, groups, 6, two, reason="the two inputs of a tie are not claimed")
    yield pair("ties-left-out-levels", TIED, certify_one(1, "levels", 40), 1, two, reason="the same by levels")
    for k in (30, 62, 63, 500):
        model = shifted(1 - (1 << k), -k)
        for rule in ("levels", "enumerate"):
            name = f"margin-of-2-to-the-minus-{k}-{rule}"
            reason = f"margins of 2^-{k}, certified with {k + 4} bits"
            yield pair(name, model, certify_one(3, rule, k + 4), 3, two, reason=reason)
    exact = certify_one(3, "levels", 4, 3 << 4)
    yield pair("margin-with-nothing-to-spare", shifted(0, 0), exact, 3, two, reason="a margin met exactly")
    for bits in (52, 53, 54, 55, 60, 61, 62, 63, 64, 65):
        for rule in ("levels", "enumerate"):
            # Three terms of about 2**bits each: their sum wraps around to a negative one in 64 bits.
            name, reason = f"terms-near-2-to-the-{bits}-{rule}", f"three positive terms of 2^{bits}"
            yield pair(name, shifted(1, bits - 20), certify_one(3, rule, 20), 3, two, reason=reason)
    large = model_text(THREE, {"W_U": 2000})
    yield pair("weights-times-2-to-the-2000", large, THREE_GROUPS, 27, [SINGLE[3]], reason="a large exponent")
    small = model_text(THREE, {"W_U": -400})
    groups = every_group(3, 3, "levels", 440)
    yield pair("weights-times-2-to-the-minus-400", small, groups, 27, [SINGLE[3]], reason="a small exponent")
    weights = {**THREE, "W_pos": [[10**799, 0, 0]] * 3}
    text = model_text(weights)
    yield pair("integer-of-800-digits", text, [], 0, [], reason="as many digits as the limit allows")
    yield pair("exponents-at-the-limit", model_text(THREE, {"W_E": 2200, "W_U": -2200}), [], 0, [], reason="exponents")
    most = [group(1, 1, 1, 4, "levels 512 1 0 rest 1 1 1 1 1")]
    yield pair("bits-at-the-limit", TIED, most, 4, two, bits=(512, 4096), reason="the most bits that are allowed")
    least = [group(1, 1, 1, 4, "levels 1 1 0 rest 1 1 1 1 1")]
    yield pair("bits-of-one", TIED, least, 4, two, bits=(1, 1), reason="the fewest bits that are allowed")


def accepted_sizes() -> Iterator[Case]:
    """The smallest and the largest sizes."""
    one = constant(1)
    yield pair("one-token", model_text(one), [group(0, 0, 0, 1, levels_all(0))], 1, [(0, 1)], reason="one output only")
    many = model_text(constant(1, 256))
    yield pair("256-positions", many, [group(0, 0, 0, 1, levels_all(0))], 1, [(0, 1)], reason="the most positions")
    long = model_text({**equal_attention((0, 0), (0, 1), 256)})
    groups = [group(1, 0, 0, 2**255 - 1, levels_all(1)), group(1, 1, 1, 2**255, levels_all(1))]
    reason = "counts far above 2^64: half of 2^256 inputs and more"
    yield pair("count-above-2-to-the-255", long, groups, 2**256 - 1, [SINGLE[2]], reason=reason)
    outputs = {**constant(1), "W_U": [[1] + [0] * 1023]}
    groups = [group(0, 0, 0, 1, levels_all(0))]
    yield pair("1024-outputs", model_text(outputs), groups, 1, [(0, 1, 1024)], reason="the most outputs, two classes")
    yield pair("1024-tokens", model_text(constant(1024)), [], 0, [], reason="the largest vocabulary")
    wide = {
        **constant(1),
        **{name: [[1] * 1024] for name in ("W_E", "W_O")},
        "W_pos": zeros(2, 1024),
        **{name: [[1]] * 1024 for name in ("W_Q", "W_K", "W_V", "W_U")},
    }
    wide["W_O"] = [[1] * 1024]
    yield pair("width-1024", model_text(wide), groups, 1, [(0, 1)], reason="the largest width")
    cuts = [SINGLE[3]] * 4096
    yield pair("4096-partitions", THREE_TEXT, [], 0, cuts, reason="the most partitions")
    checks = [group(2, 0, 0, 5, *[levels_all(2)] * 4096)]
    reason = "the most checks of one group"
    yield pair("4096-checks", THREE_TEXT, checks, 5, [SINGLE[3]], reason=reason, on_demand=True)


# Rejected


def change(text: str, old: str, new: str) -> str:
    if old not in text:
        raise ValueError(f"{old!r} does not occur")
    return text.replace(old, new, 1)


def rejected_claims() -> Iterator[Case]:
    """Claims about the model, the total, the groups and their order."""
    model, one, groups = THREE_TEXT, [SINGLE[3]], THREE_GROUPS
    good = certificate_text(model, groups, 27, one)
    digits = good[good.index("model ") + 6 :][:64]
    other = change(model, "1 0 0\n0 1 0\n0 0 1", "1 0 0\n0 1 0\n0 1 1")

    def bare(name: str, model: str, certificate: str, *keywords: str, reason: str) -> Case:
        return Case(name, "rejected", model.encode(), certificate.encode(), reason, keywords=keywords)

    hashed = change(good, digits, digits[:-1] + ("0" if digits[-1] != "0" else "1"))
    yield bare("hash-with-one-digit-changed", model, hashed, "SHA-256", reason="the claim is about another model")
    zero = change(good, digits, "0" * 64)
    yield bare("hash-of-zeros", model, zero, "SHA-256", reason="the claim is about another model")
    yield bare("one-weight-changed", other, good, "SHA-256", reason="the model is not the one that was proved")
    trivial = certificate_text(other, [], 0)
    reason = "a claim of 0 is still about another model"
    yield bare("trivial-claim-about-another-model", model, trivial, "SHA-256", reason=reason)

    for name, number in {"one-too-many": 28, "one-too-few": 26, "2-to-the-63": 2**63, "wrapped": 27 + 2**64}.items():
        yield pair(f"total-{name}", model, groups, number, one, "total", reason="the total is not that of the groups")
    yield pair("no-groups-but-a-claim", model, [], 1, [], "total", reason="nothing proves the one input")
    for name, more in {"one-too-many": 6, "2-to-the-63": 2**63, "wrapped": 5 + 2**64, "of-799-digits": 10**798}.items():
        forged = [group(2, 0, 0, more, enumerate_all(2))]
        keywords = "group label 2 queries 0 0", "claimed", "found 5"
        yield pair(f"group-claim-{name}", model, forged, more, one, *keywords, reason="5 inputs are in the group")

    order = "ascending order"
    single, last = groups[3], groups[4]
    yield pair("group-twice", model, [single, single], 10, one, order, reason="inputs would be counted twice")
    yield pair("groups-exchanged", model, [last, single], 10, one, order, reason="queries are not in order")
    labels = [groups[1], groups[0]]
    yield pair("labels-exchanged", model, labels, 4, one, order, reason="labels are not in order")
    both = "levels 40 1 0 rest 1 2 1 2 1 1"
    overlapping = [group(2, 0, 1, 10, both), group(2, 1, 1, 5, both)]
    yield pair("groups-that-overlap", model, overlapping, 15, one, order, reason="query 1 is in both groups")
    inside = [group(2, 0, 1, 10, both), group(2, 0, 0, 5, both)]
    yield pair("group-within-another", model, inside, 15, one, order, reason="query 0 is in both groups")

    queries = "queries below the label"
    for name, ends in {
        "query-above-the-label": (2, 2),
        "query-2-to-the-64": (2**64, 2**64),
        "queries-that-descend": (1, 0),
        "queries-up-to-the-label": (0, 1),
        "queries-from-the-label": (1, 2),
    }.items():
        forged = [group(1, *ends, 0, enumerate_all(1))]
        yield pair(name, model, forged, 0, one, queries, reason="the label is not that of all inputs, or none exist")
    for label in (3, 2**63, 2**64 + 2):
        forged = [group(label, 0, 0, 0, "enumerate 40 1 0 rest 0")]
        yield pair(f"label-{label}", model, forged, 0, one, queries, reason="no such token")


def rejected_steps() -> Iterator[Case]:
    """Checks whose premises fail, or that do not show what is claimed."""
    model, one = THREE_TEXT, [SINGLE[3]]

    def step(name: str, label: int, check: str, *keywords: str, reason: str, claim: int = 0, last: int = 0) -> Case:
        forged = [group(label, 0, last, claim, check)]
        return pair(name, model, forged, claim, one, *keywords, reason=reason)

    below = "bands below"
    for rule, levels in {"levels": " 1 {}", "enumerate": ""}.items():
        for name, run in {
            "the-label": "1 2 1",
            "all-tokens": "1 3 1",
            "a-width-beyond": "1 1 5",
            "a-width-of-2-to-the-64": "1 1 18446744073709551617",
            "a-hundred-million": "1 100000000 1",
            "2-to-the-64": "1 18446744073709551617 1",
        }.items():
            count = run.split()[1]
            check = f"{rule} 40 1 0 rest {run}{levels.format(count)}"
            reason = "bands hold only tokens below the label"
            yield step(f"bands-of-{name}-{rule}", 1, check, below, reason=reason)
    several = "enumerate 40 1 0 rest 1 2 1"
    yield step("enumerate-of-two-queries", 2, several, "one query", reason="enumerate has one query", last=1)
    missing = "every output"
    yield step("output-not-covered", 2, "enumerate 40 1 0 1 0 1 2 1", missing, reason="output 1 is not compared")
    own = "enumerate 40 1 0 1 2 1 2 1"
    yield step("only-the-label-covered", 2, own, missing, reason="comparing the label with itself shows nothing")
    beyond = model_text(largest_token(3, 2, 4))
    forged = [group(1, 0, 0, 3, "enumerate 40 1 0 2 0 1 1 1 1")]
    reason = "outputs that are no tokens compete too"
    yield pair("output-beyond-the-tokens-not-covered", beyond, forged, 3, [SINGLE[4]], missing, reason=reason)
    for name, margin in {"above-the-true-one": 5 << 40, "2-to-the-63": 2**63, "2-to-the-64-and-1": 2**64 + 1}.items():
        for rule in (levels_all, enumerate_all):
            short = rule.__name__.removesuffix("_all")
            check = rule(2, 40, margin)
            reason = "a margin that the bounds do not reach"
            yield step(f"margin-{name}-{short}", 2, check, "claimed 5", "found", reason=reason, claim=5)
    weak = [group(2, 0, 0, 5, enumerate_all(2))]
    reason = "the label's weight may be zero at so few bits"
    narrow = model_text({**THREE, "W_K": [[-8 * t, 0, 0] for t in range(3)]})
    yield pair(
        "weight-rounded-to-zero", narrow, weak, 5, one, "weights", "exponential_bits", bits=(8, 8), reason=reason
    )
    reason = "the second check leaves out every input, though it covers no output anew"
    forged = [group(2, 0, 0, 5, "levels 40 1 0 2 0 1 1 2 1 2 1 1", "levels 40 99999999999999 0 1 0 1 2 1 2 1 1")]
    yield pair("check-that-fails-after-one-that-holds", model, forged, 5, one, "claimed 5", reason=reason)


def rejected_tables() -> Iterator[Case]:
    """Hints of any value never raise a bound above the truth; norms are confirmed."""
    model, one, claimed = THREE_TEXT, [SINGLE[3]], THREE_GROUPS
    idle = zeros(3, 3)
    hints = {
        "huge": ([[10**60], [10**60], [10**60]], [[10**60, -(10**60), 10**60]]),
        "of-799-digits": ([[10**798], [0], [0]], [[1, 0, 0]]),
        "wrong": ([[1], [1], [1]], [[1000, 0, -1000]]),
        "transposed": ([[0], [8], [16]], [[1, 1, 1]]),
        "negative": ([[-1], [-1], [-1]], [[0, 8, 16]]),
    }
    for name, hint in hints.items():
        tables = {"OV": low_rank(factor(1), factor(3, hint))}
        reason = "what the hint leaves out is too large for the bound that is claimed"
        yield pair(f"hint-{name}", model, claimed, 27, one, "claimed", "found", tables=tables, reason=reason)
    for name, (norm, root) in {
        "too-small": (3, idle),
        "of-zero": (0, idle),
        "negative": (-4, idle),
        "with-too-large-a-root": (4, identity(3)),
        "with-a-huge-root": (4, identity(3, 10**100)),
        "with-another-root": (4, [[0, 1, 0], [0, 0, 0], [0, 0, 0]]),
    }.items():
        # The factor is W_O, four times the identity, whose norm is 4.
        tables = {"OV": low_rank(factor(2), factor(1, None, (norm, root)), factor(1, (ONE, ONE)))}
        keywords = ("low_rank", "norm")
        reason = "the claimed norm is below the true one, or the hint does not confirm it"
        yield pair(f"norm-{name}", model, claimed, 27, one, *keywords, tables=tables, reason=reason)
    tables = {"OV": low_rank(factor(2), factor(1, None, (10**6, idle)), factor(1))}
    reason = "a true bound of the norm, but so large that nothing is certified"
    yield pair("norm-true-but-large", model, claimed, 27, one, "claimed", "found", tables=tables, reason=reason)


def rejected_numbers() -> Iterator[Case]:
    """Inputs that the model gets wrong, by a little or by so much that machine words wrap around."""
    two, claimed, found = [SINGLE[2]], "claimed 3", "found 1"
    for rule in ("levels", "enumerate"):
        tied = certify_one(3, rule, 40)
        yield pair(f"tie-claimed-{rule}", TIED, tied, 3, two, claimed, found, reason="a tie is wrong")
        for k in (30, 62, 63, 500):
            bits = min(512, k + 4)
            wrong = shifted(-1 - (1 << k), -k)
            name, reason = f"wrong-by-2-to-the-minus-{k}-{rule}", f"two inputs are wrong, by 2^-{k}"
            yield pair(name, wrong, certify_one(3, rule, bits), 3, two, claimed, found, reason=reason)
            right = shifted(1 - (1 << k), -k)
            name, reason = f"right-by-2-to-the-minus-{k}-but-few-bits-{rule}", "true, but not shown with so few bits"
            yield pair(name, right, certify_one(3, rule, k - 10), 3, two, claimed, found, reason=reason)
        for sign, what in ((1, "right"), (-1, "wrong")):
            tiny = shifted(sign - (1 << 2100), -2100)
            reason = f"{what} by 2^-2100, which no precision within the limits can tell from a tie"
            name = f"{what}-by-2-to-the-minus-2100-{rule}"
            yield pair(name, tiny, certify_one(3, rule, 512), 3, two, claimed, found, reason=reason)
        for bits in (52, 55, 60, 61, 62, 63, 64, 65, 127, 128):
            # Three terms of about -2**bits: in words of 64 bits their sum could come out positive.
            name, reason = f"terms-near-minus-2-to-the-{bits}-{rule}", f"three negative terms of 2^{bits}"
            wrong = shifted(-1, bits - 20)
            yield pair(name, wrong, certify_one(3, rule, 20), 3, two, claimed, "found 0", reason=reason)
    yield from hidden_input()


def hidden_input() -> Iterator[Case]:
    """One input among the sixteen of a group is a tie."""
    size = group_size(3, 3, 3)
    line = "enumerate 40 1 0 rest 1 3 1"
    uniform = {
        "W_E": [[*row, 0] for row in identity(4)],
        "W_pos": zeros(3, 5),
        "W_Q": zeros(5, 1),
        "W_K": zeros(5, 1),
        "W_V": [[1], [2], [3], [0], [0]],
        "W_O": [[0, 0, 0, 0, 1]],
        "W_U": [[0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 2, 0], [0, 0, 0, 0, 1]],
    }
    # Output 4 gets the mean of the values, at most 2 with (2, 2, 3), where output 3 gets just as much.
    hidden = model_text(uniform)
    keywords = ("group label 3 queries 3 3", f"claimed {size}", f"found {size - 1}")
    for rule, check in {"enumerate": line, "levels": "levels 40 1 0 rest 1 3 1 3 1 1 1"}.items():
        forged = [group(3, 3, 3, size, check)]
        reason = "one input of the sixteen of the group, (2, 2, 3), is a tie"
        yield pair(f"one-hidden-wrong-input-{rule}", hidden, forged, size, [SINGLE[5]], *keywords, reason=reason)


# Declined for the work they ask for, by limits that only the Python kernel has


def excessive_work() -> Iterator[Case]:
    three = model_text(constant(3, 256))
    tree = [group(2, 0, 0, 1, "enumerate 20 1 0 rest 1 2 1")]
    reason = "an enumeration of 3^255 sequences"
    yield pair(
        "enumeration-of-3-to-the-255", three, tree, 1, [SINGLE[3]], "max_operations",
        verdict="declined", work_limit=True, reason=reason,
    )  # fmt: skip
    label, positions = 65, 3
    # Only the sequence of the worst tokens fails, so that all have to be counted.
    size = (label * (positions - 1) - 1) // 2
    weights = {
        **constant(label + 1, positions, lambda t: size if t == label else -(t + 1) - size),
        "W_Q": [[0]],
        "W_U": [[int(o == label) for o in range(label + 1)]],
    }
    ones = " ".join(["1"] * label)
    deep = [group(label, label, label, 1, f"levels 24 1 0 rest 1 {label} 1 {label} {ones}")]
    yield pair(
        "levels-65-to-be-counted", model_text(weights), deep, 1, [(0, label, label + 1)], "max_levels",
        verdict="declined", work_limit=True, reason="more levels than are searched",
    )  # fmt: skip
    # Sequences pass whose sum lies in a window, so that no branch can be cut short. Tokens go one way for output 61
    # and the other way for output 62; the last position alone votes for the label.
    label, positions = 60, 12
    slack = 31 * (positions - 1) + 20
    weights = {
        "W_E": [*([t + 1, 61 - t, 0, 0] for t in range(label)), [0] * 4],
        "W_pos": [*zeros(positions - 1, 4), [0, 0, 1, 0]],
        "W_Q": zeros(4, 3),
        "W_K": zeros(4, 3),
        "W_V": [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]],
        "W_O": [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]],
        "W_U": [[0] * 61 + [1, 0], [0] * 61 + [0, 1], [0] * 63, [0] * 60 + [slack, 0, 0]],
    }
    ones = " ".join(["1"] * label)
    search = [group(label, label, label, 1, f"levels 24 1 0 rest 1 {label} 1 {label} {ones}")]
    yield pair(
        "search-of-10-to-the-11-branches", model_text(weights), search, 1, [(0, 60, 61, 62, 63)], "max_operations",
        verdict="declined", work_limit=True, reason="a search without end",
    )  # fmt: skip


def excessive_size() -> Iterator[Case]:
    """Files and tables that are too large."""
    model = THREE_TEXT
    good = certificate_text(model, THREE_GROUPS, 27, [SINGLE[3]])
    long = good.encode() + b"\n" * 2**24
    reason = "more bytes than any file may have"
    yield Case(
        "certificate-of-16-mebibytes", "declined", model.encode(), long, reason,
        keywords=("certificate: ", "max_file_bytes"), on_demand=True,
    )  # fmt: skip
    yield Case(
        "model-of-16-mebibytes", "declined", model.encode() + b"\n" * 2**24, good.encode(), reason,
        keywords=("model: ", "max_file_bytes"), on_demand=True,
    )  # fmt: skip
    huge = 10**799
    weights = {**constant(1024), **{name: [[huge]] for name in ("W_Q", "W_K", "W_V", "W_O")}}
    groups = [group(0, 0, 0, 1, levels_all(0))]
    many = {
        "table-of-many-bits": (model_text(weights), (48, 160), "a table of a million numbers of 5,000 bits"),
        "table-of-many-bits-once-rounded": (
            model_text(constant(1024), {"W_V": 2200, "W_O": 2200}),
            (48, 160),
            "a table of a million numbers of one bit, times 2^4400",
        ),
        "exponentials-of-many-bits": (
            model_text(constant(1024)),
            (48, 4096),
            "a million exponentials of 4,096 bits",
        ),
    }
    for name, (text, bits, reason) in many.items():
        yield pair(
            name,
            text,
            groups,
            1,
            [(0, 1024)],
            "max_table_bits",
            verdict="declined",
            work_limit=True,
            bits=bits,
            reason=reason,
        )


def accepted() -> Iterator[Case]:
    for cases in (accepted_rules, accepted_tables, accepted_numbers, accepted_sizes):
        yield from cases()


def refused() -> Iterator[Case]:
    for cases in (rejected_claims, rejected_steps, rejected_tables, rejected_numbers, excessive_work, excessive_size):
        yield from cases()
