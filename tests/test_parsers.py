"""Files are read strictly: one spelling for each model and certificate, a reason for every refusal."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples, memory_limit, reason

from certificates.certificate_file import format_certificate
from checker.certificate import Group
from checker.certificate_file import parse_certificate
from checker.check import check
from checker.errors import Declined
from checker.models.attention_only import parse_model
from checker.text import MAX_DIGITS, MAX_FILE_BYTES
from fuzzing.campaign import models
from fuzzing.certificates import certificate_file, each_token, one_check, singletons, step
from fuzzing.models import max_model, model_file, zeros
from model_export.exact_model_file import format_model

MODEL = model_file(max_model(3, 3))
GROUPS = [
    Group(1, 0, 0, 3, (one_check(1), step("enumerate", 30, 1, ((1, 1),), 1))),
    Group(2, 0, 1, 10, (step("levels", 20, 1, ((1, 2),), 1, (0,)), one_check(2, "levels"))),
]
PARTITIONS = [singletons(3), (0, 2, 3)]
CERTIFICATE = certificate_file(MODEL, GROUPS, PARTITIONS)


def certificate_for(model: bytes) -> bytes:
    """The certificate with the hash of `model` in the place of that of MODEL."""
    return CERTIFICATE.replace(sha256(MODEL).hexdigest().encode(), sha256(model).hexdigest().encode())


def declined_model(data: bytes) -> str:
    return reason(data, certificate_for(data), "declined")


def declined_certificate(data: bytes) -> str:
    return reason(MODEL, data, "declined")


FILES = {"model": (MODEL, declined_model), "certificate": (CERTIFICATE, declined_certificate)}
both = pytest.mark.parametrize("kind", FILES)


def test_the_files_that_the_others_are_broken_from_are_accepted() -> None:
    verdict = check(MODEL, CERTIFICATE)
    assert (verdict.verdict, verdict.reason, verdict.correct_at_least) == ("accepted", "", 13)
    assert verdict.total == 27 and verdict.model_sha256 == sha256(MODEL).hexdigest()
    assert (verdict.model_bytes, verdict.certificate_bytes) == (len(MODEL), len(CERTIFICATE))


@examples(100)
@given(models())
def test_models_are_printed_as_they_are_read(model: dict[str, list[list[object]]]) -> None:
    data = model_file(model)  # type: ignore[arg-type]
    parsed = parse_model(data)
    assert format_model(parsed).encode() == data
    for name, rows in model.items():
        tensor = parsed.weights[name]
        scale = 2 ** abs(tensor.exponent)
        values = [int(k) for k in tensor.integers.entries()]
        flat = [entry for row in rows for entry in row]
        if tensor.exponent >= 0:
            assert [k * scale for k in values] == flat
        else:
            assert values == [entry * scale for entry in flat]  # type: ignore[operator]


def test_certificates_are_printed_as_they_are_read() -> None:
    parsed = parse_certificate(CERTIFICATE)
    assert format_certificate(parsed).encode() == CERTIFICATE
    assert parsed.groups == tuple(GROUPS)
    assert parsed.partitions == tuple(PARTITIONS)


# Bytes


@both
@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda data: b"\xef\xbb\xbf" + data, "not ASCII text"),
        (lambda data: data.decode().encode("utf-16"), "not ASCII text"),
        (lambda data: data.decode().encode("utf-16-be"), "expected compact-proofs-"),
        (lambda data: data.decode().encode("utf-32-le"), "expected compact-proofs-"),
        (lambda data: data.replace(b" 1\n", " \u0661\n".encode(), 1), "not ASCII text"),
        (lambda data: data.replace(b"end", b"\xed\xa0\x80end"), "not ASCII text"),
        (lambda data: data + b"\0", "expected the end of the file, found '\\x00'"),
        (lambda data: data[:-1] + b"\0", "expected end, found 'end\\x00'"),
        (lambda data: data + b"\n", "expected the end of the file, found ''"),
        (lambda data: data + b" ", "expected the end of the file, found ''"),
        (lambda data: data[:-1], "expected the end of the line, found the end of the file"),
        (lambda data: data + b"end\n", "expected the end of the file, found 'end'"),
        (lambda data: data + data, "expected the end of the file, found 'compact-proofs-"),
        (lambda data: b"", "token 1: expected compact-proofs-"),
        (lambda data: b" " + data, "token 1: expected compact-proofs-"),
        (lambda data: b"\n" + data, "token 1: expected compact-proofs-"),
        (lambda data: data.replace(b"\n", b" \n", 1), "token 3: expected the end of the line"),
        (lambda data: data.replace(b"\n", b"\n ", 1), "token 4: expected "),
        (lambda data: data.replace(b"\n", b"\n\n", 1), "token 4: expected "),
        (lambda data: data.replace(b"\n", b" ", 1), "token 3: expected the end of the line"),
        (lambda data: data.replace(b"\n", b"\r\n"), "token 2: expected 1, found '1\\r'"),
        (lambda data: data.replace(b"\n", b"\r"), "token 2: expected 1, found '1\\r"),
        (lambda data: data.replace(b" ", b"\t", 1), "token 1: expected compact-proofs-"),
        (lambda data: data.replace(b" ", b"\v", 1), "token 1: expected compact-proofs-"),
        (lambda data: data.replace(b" ", b"\x1c", 1), "token 1: expected compact-proofs-"),
        (lambda data: data.replace(b" ", b"  ", 1), "token 2: expected 1, found ''"),
        (lambda data: data.replace(b" ", b"\n", 1), "token 2: expected 1, found "),
        (lambda data: data.replace(b" 1\n", b" 3\n", 1), "token 2: expected 1, found '3'"),
        (lambda data: data.replace(b" 1\n", b" 01\n", 1), "token 2: expected 1, found '01'"),
        (lambda data: data.replace(b"compact-", b"Compact-"), "token 1: expected compact-proofs-"),
        (lambda data: b"\x80\x04]q\x00.", "not ASCII text"),
        (lambda data: b"PK\x03\x04" + data, "token 1: expected compact-proofs-"),
        (lambda data: b"[" * 100_000, "token 1: expected compact-proofs-"),
        (lambda data: b'{"model": 1}', "token 1: expected compact-proofs-"),
    ],
)
def test_bytes(kind: str, change: Callable[[bytes], bytes], expected: str) -> None:
    data, declined = FILES[kind]
    message = declined(change(data))
    assert message.startswith(f"{kind}: ") and expected in message


@both
def test_files_that_are_too_large(kind: str) -> None:
    _, declined = FILES[kind]
    data = bytes(MAX_FILE_BYTES + 1)
    with memory_limit(2**20):
        message = declined(data)
    assert message == f"{kind}: {MAX_FILE_BYTES + 1} bytes, limit max_file_bytes = {MAX_FILE_BYTES}"


# Tokens


@both
def test_a_file_cut_off_at_any_token(kind: str) -> None:
    data, declined = FILES[kind]
    tokens = data.split(b" ")
    for cut in range(len(tokens)):
        assert declined(b" ".join(tokens[:cut])).startswith(f"{kind}: ")
    for cut in range(len(data)):
        assert declined(data[:cut]).startswith(f"{kind}: ")


@both
def test_a_token_left_out_or_repeated_anywhere(kind: str) -> None:
    """Every list has its length in front, so that no shorter or longer one is well formed."""
    data, declined = FILES[kind]
    lines = [line.split(b" ") for line in data.removesuffix(b"\n").split(b"\n")]
    for i, line in enumerate(lines):
        for j in range(len(line)):
            for replaced in ([], [line[j], line[j]]):
                changed = [*lines[:i], [*line[:j], *replaced, *line[j + 1 :]], *lines[i + 1 :]]
                assert declined(b"\n".join(map(b" ".join, changed))).startswith(f"{kind}: ")


@both
def test_a_line_left_out_repeated_or_moved(kind: str) -> None:
    data, declined = FILES[kind]
    lines = data.split(b"\n")
    for i in range(len(lines) - 1):
        assert declined(b"\n".join([*lines[:i], *lines[i + 1 :]])).startswith(f"{kind}: ")
        assert declined(b"\n".join([*lines[:i], lines[i], *lines[i:]])).startswith(f"{kind}: ")


SPELLINGS = [
    *(
        "007",
        "+1",
        "1_000",
        "-0",
        "00",
        "0x10",
        "0b1",
        "1.0",
        "1e400",
        "1e3",
        "NaN",
        "Infinity",
        "true",
    ),
    *("1/-2", "2/4", "--1", "-", "1\x002", "1\x00", "\x00"),
    *("9" * (MAX_DIGITS + 1), "9" * 5000, "-" + "9" * MAX_DIGITS, "0x" + "f" * 5000),
]


@both
@pytest.mark.parametrize("spelling", SPELLINGS, ids=lambda spelling: ascii(spelling[:8]))
def test_numbers_have_one_spelling(kind: str, spelling: str) -> None:
    """In the place of every integer of the file in turn."""
    data, declined = FILES[kind]
    lines = [line.split(b" ") for line in data.split(b"\n")]
    places = [
        (i, j) for i, line in enumerate(lines) for j, token in enumerate(line) if token.removeprefix(b"-").isdigit()
    ]
    assert len(places) > 30
    for i, j in places:
        changed = [*lines[i][:j], spelling.encode(), *lines[i][j + 1 :]]
        message = declined(b"\n".join(map(b" ".join, [*lines[:i], changed, *lines[i + 1 :]])))
        assert message.startswith(f"{kind}: ") and len(message) < 300


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("007", "at most max_digits = 800 characters, found '007'"),
        ("-0", "at most max_digits = 800 characters, found '-0'"),
        ("+1", "at most max_digits = 800 characters, found '+1'"),
        ("1_000", "at most max_digits = 800 characters, found '1_000'"),
        ("1e400", "at most max_digits = 800 characters, found '1e400'"),
        ("true", "at most max_digits = 800 characters, found 'true'"),
        ("1\x002", "at most max_digits = 800 characters, found '1\\x002'"),
        ("9" * 801, f"at most max_digits = 800 characters, found '{'9' * 40}'"),
        ("9" * 5000, f"at most max_digits = 800 characters, found '{'9' * 40}'"),
    ],
)
def test_why_a_spelling_is_refused(spelling: str, expected: str) -> None:
    model = MODEL.replace(b"tensor W_E 3 3 0\n1 0 0", b"tensor W_E 3 3 0\n1 0 " + spelling.encode())
    assert expected in declined_model(model)
    certificate = CERTIFICATE.replace(b"enumerate 30 1 1", b"enumerate 30 " + spelling.encode() + b" 1")
    assert expected in declined_certificate(certificate)


@both
def test_leading_zeros_everywhere(kind: str) -> None:
    """What would be read as the same file is still not the same file."""
    data, declined = FILES[kind]
    for i in range(1, len(data)):
        if data[i : i + 1].isdigit() and data[i - 1 : i] in (b" ", b"\n", b"-"):
            assert "expected" in declined(data[:i] + b"0" + data[i:])


# Fields of the model file


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("architecture attention-only", "architecture mlp", "expected attention-only, found 'mlp'"),
        ("layers 1", "layers 2", "expected 1, found '2', after 'layers'"),
        ("layers 1", "layers 0", "expected 1, found '0', after 'layers'"),
        ("heads 1", "heads 4", "expected 1, found '4', after 'heads'"),
        ("biases 0", "biases 1", "expected 0, found '1', after 'biases'"),
        ("positions 3", "positions 1", "expected an integer from 2 to max_positions = 256, found '1'"),
        ("positions 3", "positions 257", "expected an integer from 2 to max_positions = 256, found '257'"),
        ("positions 3", "positions -3", "expected an integer from 2 to max_positions = 256, found '-3'"),
        ("vocabulary 3", "vocabulary 0", "found '0'"),
        ("vocabulary 3", "vocabulary 1000000000", "found '1000000000'"),
        ("vocabulary 3", "vocabulary 4", "task max needs outputs >= vocabulary, found 3 < 4"),
        ("outputs 3", "outputs 2", "task max needs outputs >= vocabulary, found 2 < 3"),
        ("outputs 3", "outputs 99999999", "found '99999999'"),
        ("\nwidth 3", "\nwidth 0", "expected an integer from 1 to max_width = 1024, found '0'"),
        ("\nwidth 3", "\nwidth 1025", "expected an integer from 1 to max_width = 1024, found '1025'"),
        ("head_width 3", "head_width 1025", "expected an integer from 1 to max_width = 1024, found '1025'"),
        ("head_width 3", "head_width 2", "expected 2, found '3'"),
        ("task max", "task min", "expected max, found 'min'"),
        ("tensor W_E 3 3", "tensor W_E 3 4", "expected 3, found '4'"),
        ("tensor W_E 3 3", "tensor W_E -3 3", "expected 3, found '-3'"),
        ("tensor W_E 3", "tensor W_pos 3", "expected W_E, found 'W_pos'"),
        ("tensor W_E 3", "tensor w_e 3", "expected W_E, found 'w_e'"),
        ("tensor W_E 3 3 0", "tensor W_E 3 3 1", None),
        ("tensor W_E 3 3 0", "tensor W_E 3 3 2201", "expected an integer from -2200 to max_exponent = 2200"),
        ("tensor W_E 3 3 0", "tensor W_E 3 3 -2201", "expected an integer from -2200 to max_exponent = 2200"),
        (
            "tensor W_pos 3 3 0",
            "tensor W_pos 3 3 1",
            "tensor W_pos: the exponent 1 is not canonical",
        ),
        ("tensor W_K 3 3 3\n0 0 0\n1", "tensor W_K 3 3 2\n0 0 0\n2", None),
        ("layers 1\nheads 1", "heads 1\nlayers 1", "expected layers, found 'heads'"),
        ("layers 1", "layers 1\nlayers 1", "expected heads, found 'layers'"),
        ("task max", "task max\nseed 1", "expected tensor, found 'seed'"),
    ],
)
def test_fields_of_models(old: str, new: str, expected: str | None) -> None:
    assert MODEL.count(old.encode()) >= 1
    data = MODEL.replace(old.encode(), new.encode(), 1)
    if expected is None:
        # Another model, well formed: the exponent or the integers changed, and so did the hash.
        if old.startswith("tensor W_K"):
            assert "tensor W_K: the exponent 2 is not canonical" in declined_model(
                data.replace(b"\n2 0 0\n", b"\n4 0 0\n", 1)
            )
        else:
            assert parse_model(data).weights["W_E"].exponent == 1
            assert "claimed SHA-256" in reason(data, CERTIFICATE, "rejected")
        return
    message = declined_model(data)
    assert message.startswith("model: ") and expected in message


def test_large_sizes_are_declined_before_anything_is_allocated() -> None:
    header = MODEL.split(b"tensor W_E")[0]
    sizes = {b"positions 3": b"positions 256", b"vocabulary 3": b"vocabulary 1024"}
    sizes |= {b"outputs 3": b"outputs 1024", b"\nwidth 3": b"\nwidth 1024"}
    sizes |= {b"head_width 3": b"head_width 1024"}
    for old, new in sizes.items():
        header = header.replace(old, new)
    with memory_limit(2**20):
        message = declined_model(header + b"tensor W_E 1024 1024 0\n1 2 3\nend\n")
    assert "at most max_digits = 800 characters, found '\\n'" in message


def test_every_even_tensor_has_a_smaller_spelling() -> None:
    model = max_model(2, 2)
    model["W_U"] = zeros(2, 2)
    data = model_file(model)
    parse_model(data)
    for exponent in (b"1", b"-1", b"5"):
        changed = data.replace(b"tensor W_U 2 2 0", b"tensor W_U 2 2 " + exponent)
        with pytest.raises(Declined, match="tensor W_U: the exponent -?[15] is not canonical"):
            parse_model(changed)
    doubled = data.replace(b"tensor W_E 2 2 0\n1 0\n0 1", b"tensor W_E 2 2 -1\n2 0\n0 2")
    with pytest.raises(Declined, match="tensor W_E: the exponent -1 is not canonical"):
        parse_model(doubled)


# Fields of the certificate file


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("model ", "model A", "expected the model's SHA-256, 64 lower-case hexadecimal digits, found"),
        ("model ", "model 0", "expected the model's SHA-256, 64 lower-case hexadecimal digits, found"),
        ("correct 13", "correct -13", "expected an integer from 0 on, found '-13'"),
        ("score_bits 48", "score_bits 0", "expected an integer from 1 to max_bits = 512, found '0'"),
        ("score_bits 48", "score_bits 513", "expected an integer from 1 to max_bits = 512, found '513'"),
        ("exponential_bits 160", "exponential_bits 47", "expected an integer from 48 to max_exponential_bits = 4096"),
        ("exponential_bits 160", "exponential_bits 4097", "expected an integer from 48 to max_exponential_bits = 4096"),
        ("table QK exact", "table QK magic", "found 'magic'"),
        ("table QK exact", "table OV exact", "expected QK, found 'OV'"),
        ("table EU exact\n", "", "expected table, found 'partitions'"),
        ("partitions 2", "partitions 4097", "expected an integer from 0 to max_partitions = 4096"),
        ("partitions 2", "partitions 1", "expected groups, found '3'"),
        ("partitions 2", "partitions 0", "expected groups, found '4'"),
        ("4 0 1 2 3", "1 0 1 2 3", "expected an integer from 2 to 1025, found '1'"),
        ("4 0 1 2 3", "5 0 1 2 3 3", "expected ascending numbers"),
        ("4 0 1 2 3", "4 0 1 1 3", "expected ascending numbers"),
        ("4 0 1 2 3", "4 0 2 1 3", "expected ascending numbers"),
        ("4 0 1 2 3", "3 1 2 3", "expected cuts from 0 on"),
        ("4 0 1 2 3", "3 0 1 2", "partition 0: expected cuts up to 3, found 2"),
        ("4 0 1 2 3", "4 0 1 2 4", "partition 0: expected cuts up to 3, found 4"),
        ("4 0 1 2 3", "4 -1 1 2 3", "expected an integer from 0 to 1024, found '-1'"),
        ("groups 2", "groups 3", "expected group, found 'end'"),
        ("groups 2", "groups 1", "expected end, found 'group'"),
        ("groups 2", "groups -1", "expected an integer from 0 on, found '-1'"),
        ("group label 1", "group label -1", "expected an integer from 0 on, found '-1'"),
        ("queries 0 0", "queries -1 0", "expected an integer from 0 on, found '-1'"),
        ("correct 3", "correct -3", "expected an integer from 0 on, found '-3'"),
        ("checks 2\nenumerate", "checks 0\nenumerate", "expected an integer from 1 to max_checks = 4096"),
        ("checks 2\nenumerate", "checks 4097\nenumerate", "expected an integer from 1 to max_checks = 4096"),
        ("checks 2\nenumerate", "checks 1\nenumerate", "expected group, found 'enumerate'"),
        ("enumerate 40", "guess 40", "found 'guess'"),
        ("enumerate 40", "enumerate 0", "expected an integer from 1 to max_bits = 512, found '0'"),
        ("enumerate 40", "enumerate 513", "expected an integer from 1 to max_bits = 512, found '513'"),
        ("enumerate 40 1", "enumerate 40 0", "expected an integer from 1 on, found '0'"),
        ("enumerate 40 1", "enumerate 40 -1", "expected an integer from 1 on, found '-1'"),
        ("enumerate 40 1 0", "enumerate 40 1 2", "expected an integer from 0 to 1, found '2'"),
        ("enumerate 40 1 0", "enumerate 40 1 -1", "expected an integer from 0 to 1, found '-1'"),
        ("1 0 rest 1 1 1", "1 0 0 1 1 1", "expected an integer from 1 to 3, found '0'"),
        ("levels 20 1 1 1 0", "levels 20 1 1 1 2", "expected an integer from 0 to 1, found '2'"),
        ("levels 20 1 1 1 0", "levels 20 1 1 1 -1", "expected an integer from 0 to 1, found '-1'"),
        ("levels 20 1 1 1 0", "levels 20 1 1 2 0 0", "expected ascending numbers"),
        ("levels 20 1 1 1 0", "levels 20 1 1 2 1 0", "expected ascending numbers"),
        ("levels 20 1 1 1 0", "levels 20 1 1 3 0 1 2", "expected an integer from 1 to 2"),
        ("levels 20 1 1 1 0 1 1 2", "levels 20 1 1 1 0 1 0 2", "expected an integer from 1 on"),
        ("levels 20 1 1 1 0 1 1 2", "levels 20 1 1 1 0 1 1 0", "expected an integer from 1 on"),
        ("levels 20 1 1 1 0 1 1 2", "levels 20 1 1 1 0 -1", "expected an integer from 0 on"),
        ("levels 20 1 1 1 0 1 1 2", "levels 20 1 1 1 0 2 1 1 1 1", "bands of different widths"),
        ("1 0 1 1 2 1 1", "1 0 1 1 2 1 2", "expected levels that hold every band once"),
        ("1 0 1 1 2 1 1", "1 0 1 1 2 0", "expected levels that hold every band once"),
        ("1 0 1 1 2 1 1", "1 0 1 1 2 1 0", "expected an integer from 1 on, found '0'"),
        ("1 0 1 1 2 1 1", "1 0 1 1 2 -1 1", "expected an integer from 0 on, found '-1'"),
        ("rest 1 2 1 2 1 1", "rest 1 2 1 3 1 1 1", "expected levels that hold every band once"),
        ("end\n", "END\n", "expected end, found 'END'"),
    ],
)
def test_fields_of_certificates(old: str, new: str, expected: str) -> None:
    assert CERTIFICATE.count(old.encode()) >= 1
    message = declined_certificate(CERTIFICATE.replace(old.encode(), new.encode(), 1))
    assert message.startswith("certificate: ") and expected in message


def test_no_partition_and_a_check() -> None:
    """With no partition there is no number of a partition that a check could name."""
    data = certificate_file(MODEL, [Group(0, 0, 0, 1, (one_check(0),))], [])
    assert "an integer from 0 to -1, found '0'" in declined_certificate(data)


@pytest.mark.parametrize("digits", [1, 9, 19, 799])
@pytest.mark.parametrize(
    "old",
    [
        "partitions {2}",
        "{4} 0 1 2 3",
        "groups {2}",
        "checks {2}\nenumerate",
        "rest {1} 1 1\nenumerate",
        "levels 20 1 1 {1} 0",
        "levels 20 1 1 1 0 1 1 2 {1} 1",
    ],
)
def test_counts_that_are_not_there(old: str, digits: int) -> None:
    """A count of the items that follow, in the billions or beyond, is not believed before they are read."""
    before, rest = old.split("{")
    count, after = rest.split("}")
    assert f"{before}{count}{after}".encode() in CERTIFICATE
    changed = CERTIFICATE.replace(f"{before}{count}{after}".encode(), f"{before}{'9' * digits}{after}".encode())
    with memory_limit(2**20):
        message = declined_certificate(changed)
    assert message.startswith("certificate: token") and "expected" in message


# Anything at all


def never_raises(model: bytes, certificate: bytes) -> None:
    verdict = check(model, certificate)
    assert verdict.verdict in ("accepted", "rejected", "declined")
    assert bool(verdict.reason) == (verdict.verdict != "accepted")
    assert verdict.correct_at_least == 0 or verdict.verdict == "accepted"


@examples(200)
@given(st.binary(), st.binary())
def test_random_bytes(model: bytes, certificate: bytes) -> None:
    assert check(model, certificate).verdict == "declined"
    assert check(MODEL, certificate).verdict == "declined"


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """`data` with some bytes changed, pieces cut out, repeated or exchanged."""
    for _ in range(draw(st.integers(1, 4))):
        i, j = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        kind = draw(st.sampled_from(["byte", "digit", "cut", "repeat", "move", "insert"]))
        if kind == "byte" and i < len(data):
            data = data[:i] + draw(st.binary(min_size=1, max_size=1)) + data[i + 1 :]
        elif kind == "digit" and i < len(data):
            data = data[:i] + draw(st.sampled_from([b"%d" % k for k in range(10)])) + data[i + 1 :]
        elif kind == "cut":
            data = data[:i] + data[min(j, i + 20) :]
        elif kind == "repeat":
            data = data[:j] + data[i:]
        elif kind == "move":
            data = data[i:j] + data[:i] + data[j:]
        else:
            word = st.sampled_from([b" 0", b" 9" * 30, b"-", b" rest ", b"\n", b"9" * 700, b" levels "])
            data = data[:i] + draw(word) + data[i:]
    return data


@examples(200)
@given(damaged(MODEL))
def test_damaged_models(data: bytes) -> None:
    never_raises(data, certificate_for(data))


@examples(300)
@given(damaged(CERTIFICATE))
def test_damaged_certificates(data: bytes) -> None:
    never_raises(MODEL, data)


def test_label_zero_has_no_bands() -> None:
    """The bands of one token each below token 0, as the tests write them, are none at all."""
    assert each_token(0) == ()
