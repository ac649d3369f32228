"""Refused cases: bytes and spellings that are no model and no certificate."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterator

from files import Case

# Spellings of a number that are not canonical, by name.
NUMBERS = {
    "plus-sign": b"+1",
    "leading-zeros": b"007",
    "minus-zero": b"-0",
    "two-minus-signs": b"--1",
    "minus-alone": b"-",
    "underscore": b"1_000",
    "thousands-comma": b"1,000",
    "decimal-point": b"1.0",
    "exponent": b"1e3",
    "beyond-float": b"1e400",
    "nan": b"NaN",
    "infinity": b"Infinity",
    "hexadecimal": b"0x1f",
    "hexadecimal-of-5000-digits": b"0x" + b"f" * 5000,
    "fraction": b"2/4",
    "negative-denominator": b"1/-2",
    "true": b"true",
    "quoted": b'"1"',
    "nul-inside": b"1\x002",
    "801-digits": b"9" * 801,
    "5000-digits": b"9" * 5000,
    "arabic-digits": "\u0661\u0662".encode(),
    "fullwidth-digits": "\uff11\uff12".encode(),
    "superscript-digit": "\u00b2".encode(),
    "latin-1-superscript": b"\xb2",
}


def archives() -> dict[str, bytes]:
    """Files of other kinds, each the same bytes whenever it is made."""
    zipped, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("../../escape"), bytes(10**6), compress_type=zipfile.ZIP_DEFLATED)
    with tarfile.open(fileobj=tarred, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return {
        "zip-that-expands-1000-fold": zipped.getvalue(),
        "tar-with-a-symbolic-link": tarred.getvalue(),
        "gzip": gzip.compress(bytes(10**5), mtime=0),
        "pickle-that-would-run-a-command": b"cos\nsystem\n(S'touch executed-by-unpickling'\ntR.",
        "numpy-object-array": b"\x93NUMPY\x01\x00F\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(
            79
        )
        + b"\ncos\nsystem\n(S'touch executed'\ntR.",
        "numpy-array-of-terabytes": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, "
        b"'shape': (1099511627776,), }".ljust(127)
        + b"\n",
        "safetensors-header-of-terabytes": (2**40).to_bytes(8, "little") + b'{"W_E":{"dtype":"F32"}}',
        "json": b'{"model": {}, "model": {}, "correct": NaN}\n',
        "json-nested-20000-deep": b"[" * 20000 + b"]" * 20000,
        "path-to-another-file": b"../model\n",
    }


def damaged(data: bytes) -> dict[str, tuple[bytes, str]]:
    """What can happen to a file on its way, with a part of the reason for which it is refused."""
    half, end, ascii_only = data[: len(data) // 2], "end of the file", "ASCII"
    return {
        "empty": (b"", end),
        "one-newline": (b"\n", "expected compact-proofs"),
        "only-spaces": (b" " * 1000, "expected compact-proofs"),
        "nul-bytes": (bytes(1000), "expected compact-proofs"),
        "truncated-in-the-middle": (half, "expected"),
        "truncated-before-the-end": (data.removesuffix(b"end\n"), "end"),
        "last-newline-missing": (data.removesuffix(b"\n"), "expected the end of the line"),
        "trailing-newline": (data + b"\n", end),
        "trailing-space": (data + b" ", end),
        "trailing-nul": (data + b"\0", end),
        "trailing-word": (data + b"more\n", end),
        "twice-in-one-file": (data + data, end),
        "utf-16": (data.decode().encode("utf-16"), ascii_only),
        "utf-16-without-mark": (data.decode().encode("utf-16-le"), "expected compact-proofs"),
        "utf-32": (data.decode().encode("utf-32"), ascii_only),
        "byte-order-mark": (b"\xef\xbb\xbf" + data, ascii_only),
        "lone-surrogate": (data.replace(b" 1\n", b" \xed\xa0\x80\n", 1), ascii_only),
        "overlong-utf-8": (data.replace(b" 1\n", b" \xc0\xb1\n", 1), ascii_only),
        "bytes-above-127": (data.replace(b" 1\n", b" \xff\n", 1), ascii_only),
        "carriage-returns": (data.replace(b"\n", b"\r\n"), "expected"),
        "tab-for-a-space": (data.replace(b" ", b"\t", 1), "expected"),
        "two-spaces": (data.replace(b" ", b"  ", 1), "expected"),
        "space-before-a-newline": (data.replace(b"\n", b" \n", 1), "expected"),
        "leading-space": (b" " + data, "expected"),
        "empty-line": (data.replace(b"\n", b"\n\n", 1), "expected"),
        "vertical-tab": (data.replace(b" ", b"\v", 1), "expected"),
        "no-break-space": (data.replace(b" ", b"\xc2\xa0", 1), ascii_only),
        "comment": (data.replace(b"\n", b"\n# comment\n", 1), "expected"),
        "first-line-twice": (data.split(b"\n")[0] + b"\n" + data, "expected"),
        "version-3": (data.replace(b" 1\n", b" 3\n", 1), "expected 1"),
        "version-1.0": (data.replace(b" 1\n", b" 1.0\n", 1), "expected 1"),
        "version-missing": (data.replace(b" 1\n", b"\n", 1), "expected 1"),
        "capital-letters": (data.upper(), "expected compact-proofs"),
    }


def cases(model: bytes, certificate: bytes, number_in_model: bytes, number_in_certificate: bytes) -> Iterator[Case]:
    """A good pair with one of its files damaged; `number_...` is where a number stands, once, to be respelt."""
    files = {"model": model, "certificate": certificate}
    places = {"model": number_in_model, "certificate": number_in_certificate}
    for kind, data in files.items():

        def pair(name: str, changed: bytes, reason: str, *keywords: str, kind: str = kind) -> Case:
            pair = {**files, kind: changed}
            full = f"{kind}-{name}"
            return Case(full, "declined", pair["model"], pair["certificate"], reason, keywords=(f"{kind}: ", *keywords))

        for name, (changed, keyword) in damaged(data).items():
            yield pair(name, changed, f"not a {kind} in its one spelling: {name.replace('-', ' ')}", keyword)
        for name, changed in archives().items():
            keyword = "expected compact-proofs" if changed.isascii() else "ASCII"
            yield pair(name, changed, f"a file of another kind: {name.replace('-', ' ')}", keyword)
        before, after = places[kind].split(b"NUMBER")
        start = data.index(before) + len(before)
        stop = data.index(after, start)
        for name, spelling in NUMBERS.items():
            changed = data[:start] + spelling + data[stop:]
            keyword = "canonical integer" if spelling.isascii() else "ASCII"
            yield pair(f"number-{name}", changed, f"a number is not canonical: {name.replace('-', ' ')}", keyword)
        yield pair("number-missing", data[:start] + data[stop:], "a number is missing", "canonical integer")
    yield Case(
        "model-and-certificate-exchanged", "declined", certificate, model,
        "each file is of the other kind", keywords=("model: ", "expected compact-proofs-model"),
    )  # fmt: skip
