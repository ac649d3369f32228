"""Model and certificate files of the conformance corpus, put together from text alone (docs/formats.md)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

Rows = Sequence[Sequence[int]]
NAMES = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_U")
EXACT = dict.fromkeys(("QK", "OV", "EU"), "exact")


@dataclass(frozen=True)
class Case:
    """A pair of files and what a checker must make of them.

    `correct` is the claim of an accepted certificate. `keywords` are parts of the reason that the Python kernel
    gives; `reason` says why the pair must be refused. `work_limit`: it is refused for a limit of work that only
    the Python kernel has. `on_demand`: the files are large, and are not kept but generated. `program`: the
    model is one of version 2, of which another oracle knows the truth.
    """

    name: str
    verdict: str
    model: bytes
    certificate: bytes
    reason: str
    correct: int = 0
    keywords: tuple[str, ...] = ()
    work_limit: bool = False
    on_demand: bool = False
    program: bool = False


def tensor(name: str, rows: Rows, exponent: int = 0) -> str:
    """The tensor of entries rows[i][j] * 2**exponent, in its canonical spelling."""
    entries = [k for row in rows for k in row]
    twos = min(((k & -k).bit_length() - 1 for k in entries if k), default=0)
    stated = exponent + twos if any(entries) else 0
    lines = [" ".join(str(k >> twos) for k in row) for row in rows]
    return "\n".join([f"tensor {name} {len(rows)} {len(rows[0])} {stated}", *lines]) + "\n"


def model_text(weights: Mapping[str, Rows], exponents: Mapping[str, int] | None = None) -> str:
    """The exact model of `weights`, each tensor times two to the power of its entry in `exponents`."""
    sizes = {
        "positions": len(weights["W_pos"]),
        "vocabulary": len(weights["W_E"]),
        "outputs": len(weights["W_U"][0]),
        "width": len(weights["W_E"][0]),
        "head_width": len(weights["W_Q"][0]),
    }
    return "".join(
        [
            "compact-proofs-model 1\narchitecture attention-only\nlayers 1\nheads 1\nbiases 0\n",
            *(f"{name} {size}\n" for name, size in sizes.items()),
            "task max\n",
            *(tensor(name, weights[name], (exponents or {}).get(name, 0)) for name in NAMES),
            "end\n",
        ]
    )


def certificate_text(
    model: str,
    groups: Sequence[str],
    correct: int,
    partitions: Sequence[Sequence[int]] = (),
    tables: Mapping[str, str] | None = None,
    score_bits: int = 48,
    exponential_bits: int = 160,
) -> str:
    """A certificate about the model file `model`."""
    cuts = [f"{len(partition)} {' '.join(map(str, partition))}\n" for partition in partitions]
    enclosures = {**EXACT, **(tables or {})}
    return "".join(
        [
            "compact-proofs-certificate 1\n",
            f"model {sha256(model.encode()).hexdigest()}\n",
            f"correct {correct}\nscore_bits {score_bits}\nexponential_bits {exponential_bits}\n",
            *(f"table {name} {text.rstrip()}\n" for name, text in enclosures.items()),
            f"partitions {len(cuts)}\n",
            *cuts,
            f"groups {len(groups)}\n",
            *groups,
            "end\n",
        ]
    )


def group(label: int, first: int, last: int, correct: int, *checks: str) -> str:
    """A group with its checks, each of them one line without its end."""
    head = f"group label {label} queries {first} {last} correct {correct} checks {len(checks)}\n"
    return head + "".join(f"{check}\n" for check in checks)


def each_token(label: int) -> str:
    """One band for each token below the label."""
    return f"1 {label} 1" if label else "0"


def enumerate_all(label: int, bits: int = 40, margin: int = 1) -> str:
    """A check of every output in partition 0, every token with a bound of its own."""
    return f"enumerate {bits} {margin} 0 rest {each_token(label)}"


def levels_all(label: int, bits: int = 40, margin: int = 1) -> str:
    """A check of every output in partition 0, every token a level."""
    levels = " ".join([str(label), *["1"] * label])
    return f"levels {bits} {margin} 0 rest {each_token(label)} {levels}"


def identity(size: int, scale: int = 1) -> list[list[int]]:
    return [[scale * (i == j) for j in range(size)] for i in range(size)]


def zeros(rows: int, columns: int) -> list[list[int]]:
    return [[0] * columns for _ in range(rows)]


def largest_token(positions: int, vocabulary: int, outputs: int | None = None) -> dict[str, Rows]:
    """A model that is right on every input: attention grows with the token, and each token votes for itself,
    four times as much as the last one does once more."""
    v = vocabulary
    return {
        "W_E": identity(v),
        "W_pos": zeros(positions, v),
        "W_Q": [[1] + [0] * (v - 1) for _ in range(v)],
        "W_K": [[8 * t] + [0] * (v - 1) for t in range(v)],
        "W_V": identity(v),
        "W_O": identity(v, 4),
        "W_U": [[int(i == j) for j in range(outputs or v)] for i in range(v)],
    }


def equal_attention(direct: Sequence[int], moved: Sequence[int], positions: int = 3) -> dict[str, Rows]:
    """A model of two tokens that attends to every position alike: the margin of output 1 over output 0 is
    direct[last token] plus the mean of moved[token] over all positions, exactly."""
    return {
        "W_E": [[1, 0, 0], [0, 1, 0]],
        "W_pos": zeros(positions, 3),
        "W_Q": zeros(3, 1),
        "W_K": zeros(3, 1),
        "W_V": [[moved[0]], [moved[1]], [0]],
        "W_O": [[0, 0, 1]],
        "W_U": [[0, direct[0]], [0, direct[1]], [0, 1]],
    }


def constant(size: int, positions: int = 2, entry: Callable[[int], int] = lambda token: 1) -> dict[str, Rows]:
    """A model of width one with `size` tokens and outputs; `entry` gives the embedding of a token."""
    return {
        "W_E": [[entry(t)] for t in range(size)],
        "W_pos": zeros(positions, 1),
        **{name: [[1]] for name in ("W_Q", "W_K", "W_V", "W_O")},
        "W_U": [[1] * size],
    }
