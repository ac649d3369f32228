"""Every limit of the kernel: a file just over it is declined by its name, at once and without memory."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import worst_files
from small_models import kernel_limits, memory_limit

from checker import check, meter
from checker.certificate_file import parse_certificate
from checker.meter import Meter
from checker.models.evaluation import Plan
from checker.models.program import parse_program
from checker.tasks.registry import TASKS, make_task
from checker.tasks.task import Task

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "corpus"))
files = import_module("files")
example = import_module("generate")
programs = import_module("programs")

MAX_SECONDS = 2.0
MAX_MEMORY = 2**23  # bytes, of Python and NumPy, besides the files

# What `check` takes: a model, a certificate, and perhaps no meter of its own and a distribution.
Files = tuple[bytes, bytes] | tuple[bytes, bytes, None, bytes]

LIMITS = kernel_limits()


@contextmanager
def without_work() -> Iterator[None]:
    """Fails if what is done takes long, or much memory."""
    start = time.process_time()
    with memory_limit(MAX_MEMORY):
        yield
    assert time.process_time() - start < MAX_SECONDS


def model(old: str, new: str) -> Files:
    """The example, with a change to its model."""
    assert old.encode() in example.MODEL
    return example.MODEL.replace(old.encode(), new.encode(), 1), example.CERTIFICATE


def certificate(old: str, new: str) -> Files:
    """The example, with a change to its certificate."""
    assert old.encode() in example.CERTIFICATE
    return example.MODEL, example.CERTIFICATE.replace(old.encode(), new.encode(), 1)


def pair(weights: dict[str, object], groups: list[str], partition: tuple[int, ...]) -> Files:
    text = files.model_text(weights)
    return text.encode(), files.certificate_text(text, groups, 0, [partition]).encode()


def long_proof() -> Files:
    """Some more than 2^32 sequences, of which each is looked at twice or more."""
    return pair(files.constant(3, 21), [files.group(2, 0, 0, 0, "enumerate 20 1 0 rest 1 2 1")], (0, 1, 2, 3))


def many_levels(most: int) -> Files:
    label = most + 1
    return pair(
        files.constant(label + 1), [files.group(label, 0, 0, 0, files.levels_all(label))], (0, label, label + 1)
    )


def large_table(most: int) -> Files:
    """A table of 2^20 numbers of just too many bits, with 320 for each beyond its own; it is held twice while it is
    formed."""
    bits = (most >> 21) - 320
    weights = {**files.constant(1024), "W_Q": [[2 ** (bits // 2)]], "W_K": [[2 ** (bits // 2) + 1]]}
    weights["W_Q"][0][0] += 1
    return pair(weights, [files.group(0, 0, 0, 0, files.levels_all(0))], (0, 1024))


def program(old: str, new: str) -> Files:
    """A program with a change, and a certificate that claims nothing."""
    text = programs.changed(old, new)
    return text.encode(), programs.certificate(text, ()).encode()


def claim(old: str, new: str) -> Files:
    """A program, and a certificate with a change."""
    text = programs.certificate(programs.PROGRAM)
    return programs.PROGRAM.encode(), programs.changed(old, new, text).encode()


def sequences(positions: int, tokens: int, task: str = "max") -> Files:
    """All sequences of so many positions and tokens."""
    sets = " ".join(map(str, [tokens, *range(tokens)])) + "\n"
    text = programs.changed("positions 2\n3 0 1 2\n2 0 2\n", f"positions {positions}\n{sets * positions}")
    text = programs.changed("task max", f"task {task}", text)
    return text.encode(), programs.certificate(text, [(0, tokens**positions - 1, 0)]).encode()


def much_to_read() -> Files:
    """2^24 sequences of 24 positions, of which the task reads one 256 times."""
    model, _ = sequences(24, 2)
    text = programs.changed("task max 2 0 1", f"task max 256{' 0' * 256}", model.decode())
    return text.encode(), programs.certificate(text, [(0, 2**24 - 1, 0)]).encode()


def many_numbers() -> Files:
    """More than 2^24 numbers: 256 rows of 4,096, seventeen times."""
    wide = "tensor 2 1 4096 0\n" + " ".join(["1"] * 4096) + "\n"
    text = programs.changed("positions 2\n3 0 1 2\n2 0 2\n", "positions 256\n" + "1 0\n" * 256)
    text = programs.changed("tensors 2", "tensors 4", text)
    column = "tensor 3 3 1 0\n1\n0\n0\n"
    steps = ["embed 3", "linear 0 2", *(f"relu {i}" for i in range(1, 18)), "total 18"]
    text = text.split("steps")[0] + wide + column + f"steps {len(steps)}\n" + "\n".join([*steps, "end", ""])
    return text.encode(), programs.certificate(text, [(0, 0, 0)]).encode()


def squared_again_and_again() -> Files:
    steps = [f"product {i} {i}" for i in range(2, 22)]
    text = programs.last_steps("linear 2 1", *(f"product {i} {i}" for i in range(3, 3 + len(steps))))
    text = text.replace("tensor 1 3 3 -1", "tensor 1 3 3 60")
    return text.encode(), programs.certificate(text, [(5, 5, 0)]).encode()


def many_bits_of_weights() -> Files:
    """Eighty thousand weights of 2^2200, for eight passes of 512 bits."""
    rows, columns = 21, 4096
    tensor = f"tensor 2 {rows} {columns} 2200\n" + (" ".join(["1"] * columns) + "\n") * rows
    text = programs.changed("tensors 2", "tensors 3").replace("steps", tensor + "steps")
    return text.encode(), programs.certificate(text, [(5, 5, 0)], ["8 512 512"] * 8).encode()


def many_reads() -> Files:
    """Every one of 2100 rows is the sum of 2100."""
    column = "tensor 2 2100 1 0\n" + "1\n" * 2100
    text = programs.changed("tensors 2", "tensors 3").split("steps")[0] + column
    text += "steps 3\nconstant 2\nattend_sum 0 full\ntotal 1\nend\n"
    return text.encode(), programs.certificate(text, [(0, 0, 0)]).encode()


def sample(samples: int = 1, one_in: int = 2, places: int = 0) -> Files:
    """The example's model, and samples of its inputs."""
    header = f"compact-proofs-sample 1\nmodel {sha256(example.MODEL).hexdigest()}\n"
    claim = f"samples {samples}\none_in {one_in}\ncertificate none\nright 0\nshare {min(1, places)} {places}\n"
    return example.MODEL, f"{header}{claim}passes 1\n8 8 8\nend\n".encode()


def weighed(weight: int) -> Files:
    """The example, and a distribution with one weight like this."""
    text = f"compact-proofs-distribution 1\npositions 2\nparts 1\nlabels every\n2 1 1\n2 1 {weight}\nend\n"
    return example.MODEL, example.CERTIFICATE, None, text.encode()


OVER: dict[str, list[Callable[[int], Files]]] = {
    "MAX_FILE_BYTES": [
        lambda most: (bytes(most + 1), example.CERTIFICATE),
        lambda most: (example.MODEL, bytes(most + 1)),
        lambda most: (example.MODEL, example.CERTIFICATE.ljust(most + 1, b"\n")),
    ],
    "MAX_DIGITS": [
        lambda most: model("1 0\n0 1", f"{'9' * (most + 1)} 0\n0 1"),
        lambda most: model("1 0\n0 1", f"-{'9' * most} 0\n0 1"),
        lambda most: certificate("correct 4", f"correct {'9' * (most + 1)}"),
    ],
    "MAX_POSITIONS": [lambda most: model("positions 2", f"positions {most + 1}")],
    "MAX_VOCABULARY": [
        lambda most: model("vocabulary 2", f"vocabulary {most + 1}"),
        lambda most: model("outputs 2", f"outputs {most + 1}"),
    ],
    "MAX_WIDTH": [
        lambda most: model("\nwidth 2", f"\nwidth {most + 1}"),
        lambda most: model("head_width 1", f"head_width {most + 1}"),
    ],
    "MAX_EXPONENT": [
        lambda most: model("W_E 2 2 0", f"W_E 2 2 {most + 1}"),
        lambda most: model("W_E 2 2 0", f"W_E 2 2 {-most - 1}"),
    ],
    "MAX_BITS": [
        lambda most: certificate("score_bits 48", f"score_bits {most + 1}"),
        lambda most: certificate("levels 24", f"levels {most + 1}"),
    ],
    "MAX_EXPONENTIAL_BITS": [lambda most: certificate("exponential_bits 113", f"exponential_bits {most + 1}")],
    "MAX_PARTITIONS": [lambda most: certificate("partitions 1", f"partitions {most + 1}")],
    "MAX_CHECKS": [lambda most: certificate("correct 1 checks 1", f"correct 1 checks {most + 1}")],
    "MAX_OPERATIONS": [lambda most: long_proof()],
    "MAX_LEVELS": [many_levels],
    "MAX_TOKEN": [lambda most: program("3 0 1 2", f"3 0 1 {most + 1}")],
    "MAX_SIZE": [
        lambda most: program("tensor 1 3 3", f"tensor 1 {most + 1} 3"),
        lambda most: program("tensor 1 3 3", f"tensor 1 3 {most + 1}"),
    ],
    "MAX_STEPS": [lambda most: program("steps 5", f"steps {most + 1}")],
    "MAX_TENSORS": [lambda most: program("tensors 2", f"tensors {most + 1}")],
    "MAX_PARAMETERS": [lambda most: program("max 2 0 1", f"max {most + 1} 0 1")],
    "MAX_READ": [lambda most: program("max 2 0 1", f"max {most + 1}" + " 0" * (most + 1))],
    "MAX_PARAMETER": [lambda most: program("max 2 0 1", f"sum_modulo 2 {most + 1} 0")],
    "MAX_DIVISOR": [lambda most: program("relu 2", f"attend 2 2 2 full 1 0 {most + 1}")],
    "MAX_PASSES": [lambda most: claim("passes 1", f"passes {most + 1}")],
    "MAX_INTERVALS": [lambda most: claim("intervals 1", f"intervals {most + 1}")],
    "MAX_VALUE_BITS": [lambda most: claim("8 8 8", f"{most + 1} 8 300")],
    "MAX_SEQUENCES": [lambda most: sequences(40, 2), lambda most: sequences(40, 2, "most_frequent")],
    "MAX_NUMBERS": [lambda most: many_numbers()],
    "MAX_READS": [lambda most: many_reads()],
    "MAX_NUMBER_BITS": [lambda most: squared_again_and_again()],
    "MAX_ROOM": [lambda most: many_bits_of_weights()],
    "MAX_PROGRAM_OPERATIONS": [lambda most: sequences(28, 2, "most_frequent"), lambda most: much_to_read()],
    "MAX_TABLE_BITS": [large_table],
    "MAX_MARGIN": [lambda most: certificate("score_bits", f"margin {most + 1} 0\nscore_bits")],
    "MAX_MARGIN_EXPONENT": [
        lambda most: certificate("score_bits", f"margin 1 {most + 1}\nscore_bits"),
        lambda most: certificate("score_bits", f"margin 1 {-most - 1}\nscore_bits"),
    ],
    "MAX_SAMPLES": [lambda most: sample(samples=most + 1)],
    "MAX_ONE_IN": [lambda most: sample(one_in=most + 1)],
    "MAX_PLACES": [lambda most: sample(places=most + 1)],
    "MAX_WEIGHT": [lambda most: weighed(most + 1)],
}
CASES = [(name, i) for name in OVER for i in range(len(OVER[name]))]


def test_every_limit_is_tested() -> None:
    assert set(OVER) == set(LIMITS)


@pytest.mark.parametrize(("name", "number"), CASES)
def test_a_file_over_the_limit(name: str, number: int) -> None:
    pair_of_files = OVER[name][number](LIMITS[name])
    with without_work():
        verdict = check(*pair_of_files)
    assert (verdict.verdict, verdict.correct_at_least) == ("declined", 0)
    assert f"{name.lower()} = {LIMITS[name]}" in verdict.reason and "\n" not in verdict.reason


@pytest.mark.parametrize("name", OVER)
def test_the_page_says_how_it_is_declined(name: str) -> None:
    page = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    [row] = re.findall(rf"^\| `{name}` \| {LIMITS[name]} \| .* \| (.*) \|$", page, re.MULTILINE)
    said = [message.split("...") for message in re.findall(r"`([^`]*)`", row)]
    reason = check(*OVER[name][0](LIMITS[name])).reason
    assert any(all(part in reason for part in parts) for parts in said), reason


# Whether prices follow the time

# Of machine operations, a sixteenth of what is allowed.
FEW = 2**28
# The kinds of work that are priced by the length of integers, with the kinds that are not to compare them with.
PRICED = [name for name in worst_files.WORST if not name.startswith(("memory", "smallest", "many classes", "reading"))]
SLOWEST = 4.0


def seconds_per_operation(name: str, patch: pytest.MonkeyPatch) -> float:
    """What the kernel takes for a machine operation of the worst files of a kind, but for reading them."""
    patch.setattr(worst_files, "MAX_FILE", 2**18)
    patch.setattr(worst_files, "CHECKS", 2**8)
    patch.setattr(meter, "MAX_OPERATIONS", FEW)
    data, certificate = worst_files.WORST[name]()
    start = time.process_time()
    parse_certificate(certificate)
    read = time.process_time()
    verdict = check(data, certificate)
    taken = time.process_time() - read - (read - start)
    assert verdict.machine_operations > FEW / 64, verdict
    return taken / verdict.machine_operations


def test_the_worst_files_cost_what_they_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Side by side with sums in 64-bit words, an operation of no kind takes much longer, however long its integers
    are. What is declined at once has been priced, and is not done."""
    plain = seconds_per_operation("sums of words, classes", monkeypatch)
    found = {name: seconds_per_operation(name, monkeypatch) / plain for name in PRICED}
    print({name: round(ratio, 2) for name, ratio in found.items()})
    assert not {name: ratio for name, ratio in found.items() if ratio > SLOWEST}


@pytest.mark.outside_mutation
@pytest.mark.parametrize("name", ["tables, words", "memory, low rank"])
def test_the_worst_files_take_no_more_memory_than_promised(name: str) -> None:
    page = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    [promised] = re.findall(r"at most (\d+) MiB", page)
    command = [sys.executable, ROOT / "tests" / "worst_files.py", name]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    [taken] = re.findall(r"most memory (\d+) MiB", printed)
    assert int(taken) <= int(promised) <= 1024


def seconds(work: Callable[[], object]) -> float:
    """The least time of seven."""
    times = []
    for _ in range(7):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def test_plans_take_time_in_proportion_to_the_rows_that_are_needed() -> None:
    def planning(count: int) -> float:
        text = programs.changed("tensors 2", "tensors 3").split("steps")[0]
        text += "tensor 2 64 1 0\n" + "1\n" * 64 + f"steps {count + 2}\nconstant 2\n"
        text += "".join(f"relu {i}\n" for i in range(count)) + f"total {count}\nend\n"
        program = parse_program(text.encode())
        return seconds(lambda: Plan(program, Meter()))

    # Four times as many steps and rows; their product is 16 times as large.
    assert planning(1000) < 10 * planning(250)


PARAMETERS = {
    "kth_largest": (1,),
    "sum_modulo": (3,),
    "group_product": (2, 0, 1, 1, 0),
    "balanced": (0, 1),
    "automaton": (0, 1, 2, 2, 0, 1, 1, 0, 1, 2),
}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_tasks_take_time_in_proportion_to_the_tokens_that_they_read(task: type[Task]) -> None:
    def labelling(read: int) -> float:
        made = task(PARAMETERS.get(task.name, ()), tuple(range(read)))
        tokens = np.random.default_rng(1).integers(0, 2, (2**18 // read, read))
        return seconds(lambda: made.labels(tokens))

    # As many tokens, in sequences 16 times as long.
    assert labelling(256) < 6 * labelling(16)


def test_the_tables_of_a_task_are_made_once() -> None:
    order = 512
    table = tuple((i + j) % order for i in range(order) for j in range(order))
    made = make_task("group_product", [order, *table, 0, 1], 2)
    sequence = np.array([[1, 2]])
    made.labels(sequence)
    with memory_limit(2**16):
        assert made.labels(sequence)[0].tolist() == [[3]]
