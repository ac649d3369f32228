"""The reader of both files, and what is read, place by place: what is taken, and how a refusal is worded."""

import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError, asdict
from fractions import Fraction
from hashlib import sha256

import pytest
from recording import UNEVEN, parsed

from checker import counting, meter, text
from checker.certificate import TABLES, Check, Factor, Group
from checker.certificate_file import (
    MAX_BITS,
    MAX_CHECKS,
    MAX_EXPONENTIAL_BITS,
    MAX_PARTITIONS,
    parse_certificate,
    require_sizes,
)
from checker.errors import Declined
from checker.header import model_hash
from checker.models import attention_only
from checker.models.attention_only import ExactModel, parse_model
from checker.numbers import dyadic as exact_numbers
from checker.numbers import matrices
from checker.numbers.dyadic import parse_tensor
from checker.numbers.rounding import ENTRY_LIMIT, PRODUCT_LIMIT
from checker.rules import enumerate as enumeration
from checker.text import ENDLESS, MAX_DIGITS, MAX_FILE_BYTES, NATURAL, POSITIVE, Reader
from checker.verdict import Verdict
from fuzzing.certificates import certificate_file, dyadic, entries_of
from fuzzing.models import matrix, max_model, model_file


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(Declined) as caught:
        action()
    return str(caught.value)


def reader(content: str) -> Reader:
    return Reader(content.encode(), "file")


# Words and integers


def test_files_are_limited_in_bytes() -> None:
    assert len(Reader(b"7" * MAX_FILE_BYTES, "file").tokens) == 2
    message = refusal(lambda: Reader(b"7" * (MAX_FILE_BYTES + 1), "file"))
    assert message == f"file: {MAX_FILE_BYTES + 1} bytes, limit max_file_bytes = {MAX_FILE_BYTES}"
    assert refusal(lambda: Reader("\u00e9".encode(), "file")) == "file: not ASCII text"


def test_words_are_taken_one_by_one() -> None:
    file = reader("a b\nc")
    assert file.next == "a" and file.word("b", "a") == "a"
    assert file.next == "b" and file.take("b", "\n") == []
    assert file.word("c") == "c" and file.next == ""


@pytest.mark.parametrize(
    ("content", "taken", "message"),
    [
        ("x y", 0, "token 1: expected a or the end of the line, found 'x'"),
        ("x y", 1, "token 2: expected a or the end of the line, found 'y', after 'x'"),
        ("x\ny", 1, "token 2: expected a, found '\\n', after 'x'"),
        ("x" * 50 + " " + "y" * 50, 1, f"token 2: expected a, found '{'y' * 40}', after '{'x' * 40}'"),
        ("x", 1, "token 2: expected a, found the end of the file, after 'x'"),
        ("x\n", 2, "token 3: expected a, found the end of the file, after '\\n'"),
        ("", 0, "token 1: expected a, found the end of the file"),
        # An empty word, of two spaces in a row, is not the end.
        ("x  y", 1, "token 2: expected a, found '', after 'x'"),
        (" x", 0, "token 1: expected a, found ''"),
        ("x ", 1, "token 2: expected a, found the end of the file, after 'x'"),
    ],
)
def test_what_was_expected_and_what_was_found(content: str, taken: int, message: str) -> None:
    file = reader(content)
    for _ in range(taken):
        file.word(file.next)
    expected = ("a", "\n") if "or the end" in message else ("a",)
    assert refusal(lambda: file.word(*expected)) == f"file: {message}"


@pytest.mark.parametrize(
    ("content", "limits", "numbers"),
    [
        ("0 -1 10", (-1, 10), [0, -1, 10]),
        ("0", NATURAL, [0]),
        ("1", POSITIVE, [1]),
        ("9" * MAX_DIGITS, NATURAL, [10**MAX_DIGITS - 1]),
        ("-" + "9" * (MAX_DIGITS - 1), (-ENDLESS, ENDLESS), [1 - 10 ** (MAX_DIGITS - 1)]),
    ],
)
def test_integers(content: str, limits: tuple[int, int], numbers: list[int]) -> None:
    assert reader(content).integers(len(numbers), limits) == numbers
    assert reader(content).integers(len(numbers)) == numbers
    assert reader(content + " x").integers(len(numbers)) == numbers
    assert reader(content).integers(0) == []


@pytest.mark.parametrize(
    ("content", "limits", "message"),
    [
        ("5 -1", NATURAL, "token 2: expected an integer from 0 on, found '-1', after '5'"),
        ("5 0", POSITIVE, "token 2: expected an integer from 1 on, found '0', after '5'"),
        ("5 8", (2, 7), "token 2: expected an integer from 2 to 7, found '8', after '5'"),
        ("5 1", (2, 7), "token 2: expected an integer from 2 to 7, found '1', after '5'"),
        ("5 8", (2, 7, "max_sizes"), "token 2: expected an integer from 2 to max_sizes = 7, found '8', after '5'"),
        ("05", NATURAL, "token 1: expected a canonical integer of at most max_digits = 800 characters, found '05'"),
        (
            "5",
            NATURAL,
            "token 2: expected a canonical integer of at most max_digits = 800 characters, "
            "found the end of the file, after '5'",
        ),
        (
            "1" * 801,
            NATURAL,
            f"token 1: expected a canonical integer of at most max_digits = 800 characters, found '{'1' * 40}'",
        ),
        (
            "-" + "1" * 800,
            (-ENDLESS, 0),
            f"token 1: expected a canonical integer of at most max_digits = 800 characters, found '-{'1' * 39}'",
        ),
    ],
)
def test_integers_that_are_not_there(content: str, limits: text.Range, message: str) -> None:
    assert refusal(lambda: reader(content).integers(2, limits)) == f"file: {message}"


def test_patterns_of_words_and_ranges() -> None:
    assert reader("a 5 b 7\n").take("a", NATURAL, "b", (7, 7), "\n") == [5, 7]
    assert refusal(lambda: reader("a 5 7").take("a", NATURAL, "b")) == (
        "file: token 3: expected b, found '7', after '5'"
    )


def test_ascending_numbers() -> None:
    assert reader("3 0 4 5 6").ascending((1, 3), (0, 5)) == (0, 4, 5)
    assert reader("0 9").ascending((0, 3), (0, 5)) == ()
    for numbers, after in (("0 0 1", 1), ("0 2 2", 2), ("0 2 1", 1), ("2 1 0", 0)):
        message = refusal(lambda n=numbers: reader(f"3 {n} x").ascending((1, 3), (0, 5)))
        assert message == f"file: token 5: expected ascending numbers before here, found 'x', after '{after}'"
    assert "from 1 to 2, found '3'" in refusal(lambda: reader("3 0 1 2").ascending((1, 2), (0, 5)))
    assert "from 0 to 1, found '2'" in refusal(lambda: reader("3 0 1 2").ascending((1, 3), (0, 1)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("end", "token 2: expected the end of the line, found the end of the file, after 'end'"),
        ("end\n\n", "token 3: expected the end of the file, found '', after '\\n'"),
        ("end\n ", "token 3: expected the end of the file, found '', after '\\n'"),
        ("end\nx", "token 3: expected the end of the file, found 'x', after '\\n'"),
        ("fin\n", "token 1: expected end, found 'fin'"),
    ],
)
def test_nothing_follows_the_end(content: str, message: str) -> None:
    reader("end\n").end()
    assert refusal(lambda: reader(content).end()) == f"file: {message}"


# Models


def test_a_model_is_what_its_file_says() -> None:
    exact = parse_model(model_file(UNEVEN))
    assert (exact.vocabulary, exact.outputs, exact.positions) == (4, 5, 3)
    assert (exact.width, exact.head_width, exact.task, exact.total) == (3, 2, "max", 64)
    assert {name: entries_of(tensor) for name, tensor in exact.weights.items()} == UNEVEN
    shapes = {name: (tensor.rows, tensor.columns) for name, tensor in exact.weights.items()}
    assert shapes == {name: (len(rows), len(rows[0])) for name, rows in UNEVEN.items()}
    assert model_hash(b"data") == sha256(b"data").hexdigest()


def test_the_sizes_along_the_path_of_a_table() -> None:
    exact = ExactModel(vocabulary=2, outputs=3, positions=5, width=7, head_width=11, task="max", weights={})
    paths = {"QK": (2, 7, 11, 7, 2), "OV": (2, 7, 11, 7, 3), "EU": (2, 7, 3)}
    assert {name: exact.path_sizes(name) for name in TABLES} == paths


def test_matrices_know_their_bits_and_their_transpose() -> None:
    tensor = dyadic(matrix([[1, -8, 3], [0, 5, 2]]))
    assert (tensor.rows, tensor.columns, tensor.bits) == (2, 3, 4)
    assert entries_of(tensor.T) == matrix([[1, 0], [-8, 5], [3, 2]])
    assert dyadic(matrix([[0]])).bits == 0
    assert entries_of(dyadic(matrix([[Fraction(1, 4)]])).T) == [[Fraction(1, 4)]]


HEADER = """\
compact-proofs-model 1
architecture attention-only
layers 1
heads 1
biases 0
positions 2
vocabulary 1
outputs 1
width 1
head_width 1
task max
"""
SMALL = (
    HEADER
    + "".join(
        f"tensor {name} {rows} 1 0\n" + "1\n" * rows
        for name, rows in (("W_E", 1), ("W_pos", 2), ("W_Q", 1), ("W_K", 1), ("W_V", 1), ("W_O", 1), ("W_U", 1))
    )
    + "end\n"
)


def test_the_smallest_model() -> None:
    assert parse_model(SMALL.encode()).total == 1


@pytest.mark.parametrize("place", range(len(re.split(" |(?=\n)", SMALL)) - 1))
def test_every_word_of_a_model_file_is_needed(place: int) -> None:
    """With another in its place the file is refused at this word, and by its name."""
    words = SMALL.replace("\n", " \n ").split(" ")[:-1]
    changed = [*words[:place], "?", *words[place + 1 :]]
    message = refusal(lambda: parse_model(" ".join(changed).replace(" \n ", "\n").replace(" \n", "\n").encode()))
    if words[place] != "\n":
        assert message.startswith(f"model: token {place + 1}: expected ") and ", found '?'" in message
        keyword = re.fullmatch("[a-zA-Z_-]+", words[place])
        assert not keyword or f"expected {words[place]}, found" in message


@pytest.mark.parametrize(
    ("field", "low", "high", "limit"),
    [
        ("positions 2", 2, 256, "max_positions"),
        ("vocabulary 1", 1, 1024, "max_vocabulary"),
        ("outputs 1", 1, 1024, "max_vocabulary"),
        ("\nwidth 1", 1, 1024, "max_width"),
        ("head_width 1", 1, 1024, "max_width"),
    ],
)
def test_the_sizes_of_models_are_limited(field: str, low: int, high: int, limit: str) -> None:
    name = field.strip().split(" ")[0]
    for size in (low - 1, high + 1):
        message = refusal(lambda k=size: parse_model(SMALL.replace(field, f"{field[:-2]} {k}").encode()))
        assert message.endswith(f"expected an integer from {low} to {limit} = {high}, found '{size}', after '{name}'")
    for size in (low, high):
        changed = SMALL.replace(field, f"{field[:-2]} {size}").replace("outputs 1\n", "outputs 1024\n")
        changed = changed if size != low else SMALL
        if size == high:
            assert limit not in refusal(lambda c=changed: parse_model(c.encode()))


def test_a_model_has_an_output_for_each_token() -> None:
    message = refusal(lambda: parse_model(SMALL.replace("vocabulary 1", "vocabulary 2").encode()))
    assert message == "model: task max needs outputs >= vocabulary, found 1 < 2"


@pytest.mark.parametrize(
    ("tensor", "exponent"),
    [
        ("tensor X 1 2 0\n1 2\n", 0),
        ("tensor X 1 2 -2200\n2 3\n", -2200),
        ("tensor X 1 2 2200\n-1 0\n", 2200),
        ("tensor X 1 2 0\n0 0\n", 0),
    ],
)
def test_exponents_are_the_largest_possible(tensor: str, exponent: int) -> None:
    found = parse_tensor(reader(tensor), "X", 1, 2)
    assert (found.exponent, found.rows, found.columns) == (exponent, 1, 2)
    assert [int(k) for k in found.integers.entries()] == [int(k) for k in tensor.split("\n")[1].split(" ")]


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        ("tensor X 1 2 1\n0 0\n", "tensor X: the exponent 1 is not canonical"),
        ("tensor X 1 2 -1\n0 0\n", "tensor X: the exponent -1 is not canonical"),
        ("tensor X 1 2 0\n2 4\n", "tensor X: the exponent 0 is not canonical"),
        ("tensor X 1 2 3\n0 -6\n", "tensor X: the exponent 3 is not canonical"),
        (
            "tensor X 1 2 2201\n1 2\n",
            "token 5: expected an integer from -2200 to max_exponent = 2200, found '2201', after '2'",
        ),
        (
            "tensor X 1 2 -2201\n1 2\n",
            "token 5: expected an integer from -2200 to max_exponent = 2200, found '-2201', after '2'",
        ),
        ("tensor X 1 2 0\n1 2 3\n", "token 9: expected the end of the line, found '3', after '2'"),
    ],
)
def test_tensors_that_are_refused(tensor: str, message: str) -> None:
    assert exact_numbers.MAX_EXPONENT == 2200
    assert refusal(lambda: parse_tensor(reader(tensor), "X", 1, 2)) == f"file: {message}"


# Certificates

ROOT = dyadic(matrix([[1, 0], [0, 3]]))
ROW, COLUMN = dyadic(matrix([[1, 2, 3]])), dyadic(matrix([[1], [2], [3], [4]]))
# A table of low rank in three factors, with a hint of rank one, none, and of rank two.
HINTS = (
    Factor(1, (COLUMN, ROW), None),
    Factor(2, None, (dyadic(matrix([[5]])), dyadic(matrix([[1, 0, 0], [0, 2, 0], [0, 0, 4]])))),
    Factor(1, (dyadic(matrix([[1, 2], [0, 1], [3, 1]])), dyadic(matrix([[1, 2, 3, 4], [0, 1, 0, 1]]))), None),
)
PAIR = (Factor(1, None, None), Factor(3, None, None))
CHECKS = (
    Check("enumerate", 9, 3, 1, (0,), ((1, 1), (1, 2)), ()),
    Check("levels", 7, 2, 0, (1, 2), ((2, 1), (1, 2), (1, 1)), (3, 1)),
    Check("levels", 5, 1, 0, None, (), ()),
)


def test_a_certificate_is_what_its_file_says() -> None:
    model_data = model_file(UNEVEN)
    group = Group(7, 5, 6, 11, CHECKS)
    file = certificate_file(
        model_data, [group], [(0, 1, 3, 5), (0, 5)], score_bits=13, exponential_bits=17, tables=(HINTS, PAIR, ())
    )
    found = parse_certificate(file)
    assert found.model_sha256 == sha256(model_data).hexdigest()
    assert (found.correct, found.score_bits, found.exponential_bits) == (11, 13, 17)
    assert found.partitions == ((0, 1, 3, 5), (0, 5)) and found.groups == (group,)
    assert (group.labels, list(group.queries), str(group)) == (1, [5, 6], "group label 7 queries 5 6")
    # Integers from a file are equal without being the same object.
    assert Group(int("7000"), int("7000"), int("7000"), 0, ()).labels == 0
    for told, read in zip((HINTS, PAIR, ()), found.tables, strict=True):
        assert [factor.matrices for factor in read] == [factor.matrices for factor in told]
        for a, b in zip(told, read, strict=True):
            for hint, other in ((a.hint, b.hint), (a.norm, b.norm)):
                assert (hint is None) == (other is None)
                if hint is not None and other is not None:
                    assert list(map(entries_of, other)) == list(map(entries_of, hint))


SHA = "0123456789abcdef" * 4
CERTIFICATE = f"""\
compact-proofs-certificate 1
model {SHA}
correct 0
score_bits 8
exponential_bits 8
table QK low_rank 3
factor matrices 1 rank 1
tensor A 2 1 0
1
1
tensor H 1 2 0
1 1
factor matrices 1 rank 0
tensor s 1 1 0
1
tensor C 2 2 0
1 0
0 1
factor matrices 2 rank 0
table OV exact
table EU exact
partitions 1
2 0 2
groups 1
group label 1 queries 0 0 correct 0 checks 2
levels 8 1 0 1 0 1 1 1 1 1
enumerate 8 1 0 rest 0
end
"""
MODEL = parse_model(model_file(max_model(2, 2)))


def test_the_certificate_whose_words_are_changed() -> None:
    assert len(parse_certificate(CERTIFICATE.encode()).groups[0].checks) == 2


@pytest.mark.parametrize("place", range(len(CERTIFICATE.replace("\n", " \n ").split(" ")) - 1))
def test_every_word_of_a_certificate_file_is_needed(place: int) -> None:
    words = CERTIFICATE.replace("\n", " \n ").split(" ")[:-1]
    changed = [*words[:place], "?", *words[place + 1 :]]
    data = " ".join(changed).replace(" \n ", "\n").replace(" \n", "\n").encode()
    message = refusal(lambda: parse_certificate(data))
    word = words[place]
    if word != "\n":
        assert message.startswith(f"certificate: token {place + 1}: expected ") and ", found '?'" in message
        choices = {("exact",): "exact or low_rank", ("low_rank",): "exact or low_rank"}
        choices |= {("levels",): "levels or enumerate", ("enumerate",): "levels or enumerate"}
        if word == "rest":
            expected = "a canonical integer of at most max_digits = 800 characters"
        elif word == SHA:
            expected = "the model's SHA-256, 64 lower-case hexadecimal digits"
        elif re.fullmatch("-?[0-9]+", word) and place != 1 and word not in words[place - 2 : place]:
            expected = ""
        else:
            expected = choices.get((word,), word) if not word.isdigit() else ""
        assert f"expected {expected}" in message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("score_bits 8", "score_bits 0", f"an integer from 1 to max_bits = {MAX_BITS}, found '0'"),
        ("score_bits 8", "score_bits 513", f"an integer from 1 to max_bits = {MAX_BITS}, found '513'"),
        (
            "exponential_bits 8",
            "exponential_bits 7",
            f"an integer from 8 to max_exponential_bits = {MAX_EXPONENTIAL_BITS}, found '7'",
        ),
        (
            "exponential_bits 8",
            "exponential_bits 4097",
            f"an integer from 8 to max_exponential_bits = {MAX_EXPONENTIAL_BITS}, found '4097'",
        ),
        ("low_rank 3", "low_rank 1", "an integer from 2 to 4, found '1'"),
        ("low_rank 3", "low_rank 5", "an integer from 2 to 4, found '5'"),
        ("matrices 1 rank 1", "matrices 3 rank 1", "an integer from 1 to 2, found '3'"),
        ("matrices 1 rank 1", "matrices 0 rank 1", "an integer from 1 to 2, found '0'"),
        ("matrices 1 rank 0", "matrices 3 rank 0", "an integer from 1 to 2, found '3'"),
        # The last factor is all that is left.
        ("matrices 2 rank 0", "matrices 1 rank 0", "an integer from 2 to 2, found '1'"),
        ("matrices 2 rank 0", "matrices 3 rank 0", "an integer from 2 to 2, found '3'"),
        ("rank 1", "rank 1025", "an integer from 0 to 1024, found '1025'"),
        ("rank 1", "rank 3", "an integer from 3 to 3, found '1'"),
        ("rank 1", "rank -1", "an integer from 0 to 1024, found '-1'"),
        ("partitions 1", "partitions -1", f"an integer from 0 to max_partitions = {MAX_PARTITIONS}, found '-1'"),
        ("partitions 1", "partitions 4097", f"an integer from 0 to max_partitions = {MAX_PARTITIONS}, found '4097'"),
        ("\n2 0 2", "\n1 0", "an integer from 2 to 1025, found '1'"),
        ("\n2 0 2", "\n1026 0 2", "an integer from 2 to 1025, found '1026'"),
        ("\n2 0 2", "\n2 0 1025", "an integer from 0 to 1024, found '1025'"),
        ("\n2 0 2", "\n2 1 2", "cuts from 0 on before here, found '\\n', after '2'"),
        ("groups 1", "groups -1", "an integer from 0 on, found '-1'"),
        ("label 1", "label -1", "an integer from 0 on, found '-1'"),
        ("queries 0 0", "queries -1 0", "an integer from 0 on, found '-1'"),
        ("queries 0 0", "queries 0 -1", "an integer from 0 on, found '-1'"),
        ("correct 0 checks", "correct -1 checks", "an integer from 0 on, found '-1'"),
        ("correct 0\n", "correct -1\n", "an integer from 0 on, found '-1'"),
        ("checks 2", "checks 0", f"an integer from 1 to max_checks = {MAX_CHECKS}, found '0'"),
        ("checks 2", "checks 4097", f"an integer from 1 to max_checks = {MAX_CHECKS}, found '4097'"),
        ("levels 8", "levels 0", f"an integer from 1 to max_bits = {MAX_BITS}, found '0'"),
        ("enumerate 8", "enumerate 513", f"an integer from 1 to max_bits = {MAX_BITS}, found '513'"),
        ("levels 8 1", "levels 8 0", "an integer from 1 on, found '0'"),
        ("levels 8 1 0", "levels 8 1 1", "an integer from 0 to 0, found '1'"),
        ("levels 8 1 0", "levels 8 1 -1", "an integer from 0 to 0, found '-1'"),
        ("levels 8 1 0 1 0", "levels 8 1 0 0 0", "an integer from 1 to 1, found '0'"),
        ("levels 8 1 0 1 0", "levels 8 1 0 2 0", "an integer from 1 to 1, found '2'"),
        ("levels 8 1 0 1 0", "levels 8 1 0 1 1", "an integer from 0 to 0, found '1'"),
        ("levels 8 1 0 1 0", "levels 8 1 0 1 -1", "an integer from 0 to 0, found '-1'"),
        ("rest 0", "rest -1", "an integer from 0 on, found '-1'"),
        ("rest 0", "rest 1 0 1", "an integer from 1 on, found '0'"),
        ("rest 0", "rest 1 1 0", "an integer from 1 on, found '0'"),
        (
            "rest 0",
            "rest 2 1 3 2 3",
            "neighbouring runs of bands of different widths before here, found '\\n', after '3'",
        ),
        ("1 1 1 1 1\n", "1 1 1 0\n", "levels that hold every band once before here, found '\\n', after '0'"),
        ("1 1 1 1 1\n", "1 1 1 1 2\n", "levels that hold every band once before here, found '\\n', after '2'"),
        ("1 1 1 1 1\n", "1 2 1 1 1\n", "levels that hold every band once before here, found '\\n', after '1'"),
        ("1 1 1 1 1\n", "1 1 1 -1\n", "an integer from 0 on, found '-1'"),
        ("1 1 1 1 1\n", "1 1 1 1 0\n", "an integer from 1 on, found '0'"),
        (SHA, SHA[:-1], "the model's SHA-256, 64 lower-case hexadecimal digits, found '0123"),
        (SHA, SHA + "0", "the model's SHA-256, 64 lower-case hexadecimal digits, found '0123"),
        (SHA, SHA[:-1] + "F", "the model's SHA-256, 64 lower-case hexadecimal digits, found '0123"),
        (SHA, SHA[:-1] + "X", "the model's SHA-256, 64 lower-case hexadecimal digits, found '0123"),
        (SHA, SHA[:-1] + "g", "the model's SHA-256, 64 lower-case hexadecimal digits, found '0123"),
    ],
)
def test_certificates_that_are_refused(old: str, new: str, message: str) -> None:
    assert old in CERTIFICATE
    changed = CERTIFICATE.replace(old, new, 1).encode()
    assert f"expected {message}" in refusal(lambda: parse_certificate(changed))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\n2 0 2", "\n2 0 1", "partition 0: expected cuts up to 2, found 1"),
        ("\n2 0 2", "\n3 0 2 3", "partition 0: expected cuts up to 2, found 3"),
        ("A 2 1 0\n1\n1\n", "A 1 1 0\n1\n", "1: low_rank: expected tensor A of 2 x 1 numbers, found 1 x 1"),
        ("A 2 1 0\n1\n1\n", "A 3 1 0\n1\n1\n1\n", "1: low_rank: expected tensor A of 2 x 1 numbers, found 3 x 1"),
        ("H 1 2 0\n1 1\n", "H 1 1 0\n1\n", "1: low_rank: expected tensor H of 1 x 2 numbers, found 1 x 1"),
        ("H 1 2 0\n1 1\n", "H 1 3 0\n1 1 1\n", "1: low_rank: expected tensor H of 1 x 2 numbers, found 1 x 3"),
        ("C 2 2 0\n1 0\n0 1\n", "C 2 1 0\n1\n0\n", "2: low_rank: expected tensor C of 2 x 2 numbers, found 2 x 1"),
        ("C 2 2 0\n1 0\n0 1\n", "C 1 2 0\n1 0\n", "2: low_rank: expected tensor C of 2 x 2 numbers, found 1 x 2"),
        (
            "rank 1\ntensor A 2 1 0\n1\n1\ntensor H 1 2 0\n1 1\n",
            "rank 3\ntensor A 2 3 0\n1 0 0\n0 1 0\ntensor H 3 2 0\n1 0\n0 1\n0 0\n",
            "1: low_rank: expected a rank of at most 2, found 3",
        ),
    ],
)
def test_certificates_that_do_not_fit_the_model(old: str, new: str, message: str) -> None:
    """They can be read without it, and are declined before anything is computed."""
    require_sizes(parse_certificate(CERTIFICATE.encode()), MODEL)
    assert old in CERTIFICATE
    found = parse_certificate(CERTIFICATE.replace(old, new, 1).encode())
    place = "" if message.startswith("partition") else "table QK factor "
    assert refusal(lambda: require_sizes(found, MODEL)) == f"certificate: {place}{message}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("score_bits 8\nexponential_bits 8", "score_bits 512\nexponential_bits 4096"),
        ("score_bits 8", "score_bits 1"),
        ("levels 8", "levels 512"),
        ("levels 8 1 0", f"levels 1 {'9' * 800} 0"),
        ("levels 8 1 0 1 0 1 1 1 1 1", "levels 8 1 0 rest 2 1 1 1 2 2 1 1"),
        ("enumerate 8 1 0 rest 0", "enumerate 8 1 0 1 0 3 1 1 1 2 1 1"),
        ("\n2 0 2", "\n3 0 1 2"),
        ("matrices 2 rank 0", "matrices 2 rank 2\ntensor A 2 2 0\n1 0\n0 1\ntensor H 2 2 0\n1 0\n0 1"),
    ],
)
def test_certificates_at_their_limits(old: str, new: str) -> None:
    assert old in CERTIFICATE
    require_sizes(parse_certificate(CERTIFICATE.replace(old, new, 1).encode()), MODEL)


def test_certificates_of_no_groups() -> None:
    _, certificate = parsed(UNEVEN)
    assert (certificate.groups, certificate.partitions, certificate.correct) == ((), (), 0)


# What is outside of functions


def test_limits_are_those_of_the_page_on_formats() -> None:
    """Which `test_formats_doc.py` compares; here they are once more, with the scales of the arithmetic."""
    assert (text.MAX_FILE_BYTES, text.MAX_DIGITS, ENDLESS) == (5242880, 800, 10**800)
    assert (NATURAL, POSITIVE) == ((0, ENDLESS), (1, ENDLESS))
    assert (text.MAX_POSITIONS, attention_only.MAX_VOCABULARY, attention_only.MAX_WIDTH) == (256, 1024, 1024)
    assert (exact_numbers.MAX_EXPONENT, MAX_BITS, MAX_EXPONENTIAL_BITS) == (2200, 512, 4096)
    assert (MAX_PARTITIONS, MAX_CHECKS, counting.MAX_LEVELS) == (4096, 4096, 64)
    assert (meter.MAX_OPERATIONS, meter.MAX_TABLE_BITS, matrices.NORM_BITS) == (4294967296, 5368709120, 48)
    assert (meter.PYTHON, enumeration.MAX_SUMS_AT_ONCE) == (256, 262144)


def test_sums_of_entries_and_a_product_fit_in_64_bits() -> None:
    """Sums of 64 entries and one product do, and the limits are the largest powers of two for which it is so."""
    assert 2**6 * ENTRY_LIMIT + PRODUCT_LIMIT < 2**63
    assert (ENTRY_LIMIT, PRODUCT_LIMIT) == (2**55, 2**62)


def test_what_is_parsed_cannot_be_changed() -> None:
    exact, certificate = parsed(UNEVEN)
    for thing, name in (
        (exact, "vocabulary"),
        (exact.weights["W_E"], "exponent"),
        (certificate, "correct"),
        (Factor(1, None, None), "matrices"),
        (CHECKS[0], "margin"),
        (Group(0, 0, 0, 0, ()), "correct"),
    ):
        with pytest.raises(FrozenInstanceError):
            setattr(thing, name, 9)


def test_a_verdict_claims_nothing_by_itself() -> None:
    known = {"verdict": "declined", "unverified_rules": [], "modules": [], "operations_by_rule": {}, "further": {}}
    words = ("reason", "share", "task", "inputs", "model", "model_sha256", "kind", "statement", "margin")
    known |= dict.fromkeys(words, "")
    numbers = ("correct_at_least", "total", "operations", "machine_operations", "model_bytes", "certificate_bytes")
    numbers = (*numbers, "tokens", "positions")
    assert asdict(Verdict("declined")) == known | dict.fromkeys(numbers, 0) | {"seconds": 0.0}
    assert Check("levels", 1, 1, 0, None, ()).levels == ()
