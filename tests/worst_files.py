"""Files that take the kernel as long, or as much memory, as its limits allow, one kind for each rule.

    python tests/worst_files.py [NAME]...

prints what a process of the checker takes for each. The numbers in them are as long as the formats allow, or
cost most for their price; most of the proofs never end, and are declined once they are too long.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent / "corpus"))
files, driver = import_module("files"), import_module("run")

Files = tuple[bytes, bytes]
Rows = list[list[int]]
CHECKS = 4096  # of a group
LONG = 10**799 + 7
MAX_FILE = 5 * 2**20


def model(
    tokens: int,
    positions: int = 2,
    number: Callable[[int], int] = lambda token: 1,
    spread: int = 0,
    exponent: int = 0,
) -> str:
    """A model of width three. `number` of a token is what it adds to a logit; its products have exponent 2^(4
    `exponent`). The weight of the last token is exp(-`spread`) times that of the others, and so are those of
    all positions but the last."""
    last = positions - 1
    weights = {
        "W_E": [[number(t), int(t < tokens - 1), 0] for t in range(tokens)],
        "W_pos": [[0, spread * (j == last), (1 - spread) * (j == last)] for j in range(positions)],
        "W_Q": [[0], [1], [0]],
        "W_K": [[0], [1], [1]],
        "W_V": [[number(0)], [0], [0]],
        "W_O": [[number(0), 0, 0]],
        "W_U": [[number(o) for o in range(tokens)], [0] * tokens, [0] * tokens],
    }
    # The exponents of W_E and W_pos would change the scores.
    return str(files.model_text(weights, dict.fromkeys(("W_V", "W_O", "W_U"), exponent)))


def certificate(
    model_text: str,
    groups: Iterable[str],
    partitions: Sequence[Sequence[int]],
    score_bits: int = 1,
    exponential_bits: int = 16,
    **tables: str,
) -> Files:
    """Of as many of the groups as the size of a file allows."""
    chosen, size = [], 1000 + sum(map(len, tables.values())) + sum(5 * len(p) for p in partitions)
    for group in groups:
        size += len(group)
        if size > MAX_FILE:
            break
        chosen.append(group)
    text = files.certificate_text(model_text, chosen, 0, partitions, tables, score_bits, exponential_bits)
    return model_text.encode(), text.encode()


def singles(tokens: int) -> tuple[int, ...]:
    return tuple(range(tokens + 1))


def repeated(label: int, first: int, last: int, *checks: str) -> str:
    """A group of as many checks as it may have."""
    return str(files.group(label, first, last, 0, *(checks * CHECKS)[:CHECKS]))


def every_query(tokens: int, check: Callable[[int], str]) -> Iterable[str]:
    """Groups of one query each, as small as groups can be, with one check."""
    for label in range(tokens):
        for query in range(label + 1):
            yield str(files.group(label, query, query, 0, check(label)))


def levels(bits: int, label: int, classes: str = "rest", bands: str = "", per_level: str = "", margin: int = 1) -> str:
    """A check by levels, without bands unless told."""
    return f"levels {bits} {margin} 0 {classes} {bands or '0'} {per_level or '0'}"


def long(token: int) -> int:
    """A number of 800 digits, another one for each token."""
    return LONG + 2 * token


def last() -> Files:
    text = model(12, number=long, spread=1400, exponent=2200)
    check = levels(512, 11, "11 " + " ".join(map(str, range(11))))
    return certificate(text, [repeated(11, 0, 10, check)], [singles(12)], exponential_bits=2048)


def last_of_some_length() -> Files:
    text = model(256, number=lambda t: 3**38 + 2 * t)
    return certificate(
        text,
        [repeated(255, 0, 254, levels(64, 255, "255 " + " ".join(map(str, range(255)))))],
        [singles(256)],
        exponential_bits=64,
    )


def bands() -> Files:
    text = model(12, number=long, spread=1400, exponent=2200)
    check = levels(512, 11, "11 " + " ".join(map(str, range(11))), "1 11 1", "1 11")
    return certificate(text, [repeated(11, 0, 0, check)], [singles(12)], exponential_bits=2048)


def one_band() -> Files:
    text = model(1024)
    return certificate(text, [repeated(1023, 0, 1022, levels(8, 1023, "1 0", "1 1 1023", "1 1"))], [(0, 1, 1024)])


def equal_weights() -> Files:
    text = model(256, spread=2)
    check = levels(512, 255, "1 0", "1 1 255", "1 1")
    return certificate(text, [repeated(255, 0, 254, check)], [(0, 1, 256)], exponential_bits=1024)


def branches(others: int, tokens: int, scale: int = 1) -> Files:
    """Counting by levels, one for each token, few of which are the least of those before. No input passes."""
    label = tokens - 1
    weights = {
        "W_E": [[scale * (1 + 5 * (t % 2) + t % 3), 0] for t in range(label)] + [[0, 0]],
        "W_pos": [[0, 0]] * others + [[0, 1]],
        "W_Q": [[0], [0]],
        "W_K": [[0], [0]],
        "W_V": [[scale], [0]],
        "W_O": [[0, scale]],
        "W_U": [[0] * tokens, [0] * label + [-scale]],
    }
    text = str(files.model_text(weights))
    check = levels(20, label, "1 0", f"1 {label} 1", f"{label} {' '.join(['1'] * label)}")
    return certificate(text, [repeated(label, 0, label - 1, check)], [(0, label, tokens)])


def sums(classes: int, bits: int, number: Callable[[int], int]) -> Files:
    """Enumeration of pairs of tokens."""
    label = 63 if bits < 40 else 31 if bits < 100 else 11
    text = model(label + 1, 4, number, exponent=2200 if bits > 100 else 0)
    check = f"enumerate {bits} 1 0 {classes} {' '.join(map(str, range(classes)))} 1 {label} 1"
    return certificate(text, [repeated(label, label, label, check)], [singles(label + 1)])


def tokens_at_positions() -> Files:
    text = model(12, 4, spread=1400)
    check = "enumerate 512 1 0 1 0 1 1 11"
    return certificate(text, [repeated(11, 11, 11, check)], [singles(12)], exponential_bits=2048)


def gaps(number: Callable[[int], int], tokens: int, bits: int, exponent: int = 0) -> Files:
    """Of two labels and two partitions in turns."""
    text = model(tokens, number=number, exponent=exponent)
    label = tokens - 1
    partitions = [(0, *range(i, tokens + 1)) for i in (1, 2, 3)]
    checks = [f"levels {bits} 1 {p} 1 0 0 0" for p in range(3)]
    return certificate(text, [repeated(label, 0, 0, *checks)], partitions)


def precisions(number: Callable[[int], int], tokens: int, exponent: int = 0) -> Files:
    """Tables rounded to every precision there is."""
    text = model(tokens, number=number, exponent=exponent)
    checks = [f"levels {bits} 1 0 1 0 0 0" for bits in range(512, 0, -1)]
    return certificate(text, [repeated(tokens - 1, 0, 0, *checks)], [(0, 1, tokens)])


def exponentials(tokens: int, score_bits: int, bits: int) -> Files:
    """Of arguments that have many bits."""
    text = model(tokens, spread=3)
    return certificate(text, [repeated(0, 0, 0, levels(1, 0))], [singles(tokens)], score_bits, bits)


def smallest(tokens: int) -> Files:
    """Groups that cost nothing but their being there."""
    return certificate(model(tokens), every_query(tokens, lambda label: levels(1, label)), [(0, tokens)])


def smallest_checks() -> Files:
    """Checks of outputs that are covered already."""
    group = [repeated(label, q, q, levels(1, label, "1 0")) for label in range(40) for q in range(label + 1)]
    return certificate(model(40), group, [(0, 40)])


def reading() -> Files:
    """Files as large as they may be, of short words, for nothing: the first group has no inputs."""
    width = 980
    weights = {
        "W_E": [[2 * ((i + t) % 9) - 9 for i in range(width)] for t in range(1024)],
        "W_pos": [[1] * width] * 2,
        **{name: [[1] for _ in range(width)] for name in ("W_Q", "W_K", "W_V")},
        "W_O": [[1] * width],
        "W_U": [[2 * ((i + t) % 9) - 9 for t in range(1024)] for i in range(width)],
    }
    groups = (repeated(1024, 0, 0, levels(1, 0)) for _ in range(100))
    return certificate(str(files.model_text(weights)), groups, [(0, 1024)])


def many_classes() -> Files:
    text = model(1024)
    groups = (repeated(1, q, q, levels(1, 1)) for q in range(2))
    return certificate(text, groups, [singles(1024), tuple(range(0, 1025, 2))])


def memory(size: int, how: str, bits: int, precisions: Sequence[int], number: int = 3**20) -> Files:
    """Tables of a width of one, each of them exact or without hints, rounded to some precisions."""
    weights = {
        "W_E": [[number + 2 * t] for t in range(size)],
        "W_pos": [[0], [1]],
        **{name: [[1]] for name in ("W_Q", "W_K", "W_V", "W_O")},
        "W_U": [[number + 2 * t for t in range(size)]],
    }
    text = str(files.model_text(weights, {"W_Q": -80}))
    factor = "factor matrices {} rank 0\n"
    enclosures = {}
    if how == "low_rank":
        for name, counts in (("QK", (1, 3)), ("OV", (1, 3)), ("EU", (1, 1))):
            enclosures[name] = "low_rank 2\n" + "".join(factor.format(count) for count in counts)
    checks = [f"levels {b} 1 0 rest 0 0" for b in precisions]
    group = files.group(size - 1, 0, 0, 0, *checks)
    return certificate(text, [group], [singles(size)], 1, bits, **enclosures)


def tables(size: int, inner: int, number: int) -> Files:
    """Products of matrices of long integers."""
    ones = [[number] * inner for _ in range(size)]
    weights = {
        "W_E": ones,
        "W_pos": [[number] * inner] * 2,
        **dict.fromkeys(("W_Q", "W_K", "W_V"), [[number] * inner] * inner),
        "W_O": [[number] * inner] * inner,
        "W_U": [[number] * size] * inner,
    }
    text = str(files.model_text(weights))
    return certificate(text, [files.group(0, 0, 0, 0, levels(1, 0))], [(0, size)])


WORST: dict[str, Callable[[], Files]] = {
    "last": last,
    "last, some words": last_of_some_length,
    "levels, bands": bands,
    "weights, one band": one_band,
    "weights, long": equal_weights,
    "weights, enumerate": tokens_at_positions,
    "counting, 255 others": lambda: branches(255, 6),
    "counting, 30 others": lambda: branches(30, 9),
    "counting, 3 others": lambda: branches(3, 40),
    "counting, long": lambda: branches(5, 12, LONG // 100),
    "sums of words": lambda: sums(1, 20, lambda t: t),
    "sums of words, classes": lambda: sums(63, 20, lambda t: t),
    "sums, two words": lambda: sums(1, 60, lambda t: 3**38 + 2 * t),
    "sums, two words, classes": lambda: sums(31, 60, lambda t: 3**38 + 2 * t),
    "sums, long": lambda: sums(1, 512, long),
    "gaps": lambda: gaps(lambda t: t + 1, 1024, 1),
    "gaps, two words": lambda: gaps(lambda t: 3**20 + 2 * t, 512, 60),
    "gaps, long": lambda: gaps(long, 16, 512, 2200),
    "precisions": lambda: precisions(lambda t: t + 1, 64),
    "precisions, long": lambda: precisions(long, 12, 2200),
    "exponentials": lambda: exponentials(512, 40, 48),
    "exponentials, long": lambda: exponentials(4, 500, 2048),
    "smallest groups": lambda: smallest(400),
    "smallest checks": smallest_checks,
    "many classes": many_classes,
    "reading": reading,
    "tables": lambda: tables(300, 300, 3),
    "tables, long": lambda: tables(60, 10, LONG),
    "tables, words": lambda: tables(1024, 8, 3**30),
    "memory, exact": lambda: memory(1024, "exact", 128, (1,)),
    "memory, low rank": lambda: memory(800, "low_rank", 16, (1,)),
    "memory, exponentials": lambda: memory(512, "exact", 2000, (1,)),
    "memory, precisions": lambda: memory(1024, "exact", 16, range(40, 0, -4), 1),
    "memory, long precisions": lambda: memory(512, "exact", 16, range(512, 0, -32)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="What the kernel takes for files made to take much.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORST))
    names = parser.parse_args(arguments).names or list(WORST)
    slowest = largest = 0
    with TemporaryDirectory() as directory:
        paths = [Path(directory, kind) for kind in ("model", "certificate")]
        for name in names:
            for path, data in zip(paths, WORST[name](), strict=True):
                path.write_bytes(data)
            found = driver.run([sys.executable, "-I", "-m", "checker", "--json", *map(str, paths)])
            said = (found.errors + found.output + "nothing").splitlines()[0]
            print(f"{name:28} {found.seconds:6.2f} s {found.memory >> 20:5} MiB  {said[:100]}", flush=True)
            slowest, largest = max(slowest, found.seconds), max(largest, found.memory)
    print(f"slowest {slowest:.1f} s, most memory {largest >> 20} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
