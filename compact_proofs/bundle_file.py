"""Bundles: exact models, certificates and a manifest in one file, checked without anything else.

    python -I checker.pyz --bundle BUNDLE

A bundle is a ZIP archive that stores its entries. It has one spelling: from its entries alone all its bytes follow, the
manifest but for who made it, and what has others is declined. So nothing can hide between the entries, no name can lead
out of the archive, and nothing grows when it is read. Nothing is written to a disk.

This module needs the standard library and the package `checker` only; it is a part of the single-file checker.
"""

import json
import os
import re
import stat
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from io import BytesIO
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from checker import Verdict, check
from checker.__main__ import EXIT_CODES, UNPRINTED, USAGE, Parser, printable, say
from checker.errors import Declined
from checker.text import any_number_of_digits

FORMAT = "compact-proofs-bundle 1"
MANIFEST = "manifest.json"
NAME = re.compile(r"(models|certificates)/[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
MAKER = re.compile(r"compact-proofs [A-Za-z0-9.+-]{1,40}")
HASH = re.compile(r"[0-9a-f]{64}")
# In a bundle, besides the manifest.
MAX_FILES = 1024
MAX_MANIFEST_BYTES = 2**20
MAX_BUNDLE_BYTES = 2**28
# The first moment that a ZIP archive can name, and the mode of a file that all may read.
TIME, UNIX, READABLE_FILE = (1980, 1, 1, 0, 0, 0), 3, 0o100644

Contents = dict[str, bytes]


@dataclass(frozen=True)
class BundleVerdict:
    """What was found of a bundle: `verdict` is "accepted" only if that of every certificate is, "declined" if the
    bundle or one of its files cannot be judged, and else "rejected". `certificates` has the verdicts by name."""

    verdict: str
    reason: str
    certificates: dict[str, Verdict]

    def __str__(self) -> str:
        if self.verdict != "accepted":
            return f"{self.verdict}: {self.reason}"
        models = len({verdict.model_sha256 for verdict in self.certificates.values()})
        statistical = sum(verdict.kind == "statistical" for verdict in self.certificates.values())
        some = f" ({statistical} statistical)" if statistical else ""
        return f"accepted: all certificates, {len(self.certificates)}{some} of {models} models"


# Writing


def pack(contents: Contents) -> bytes:
    """The archive of entries by name. Stored, because compressed bytes differ between versions of zlib."""
    data = BytesIO()
    with ZipFile(data, "w", ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = ZipInfo(name, TIME)
            entry.create_system, entry.external_attr = UNIX, READABLE_FILE << 16
            archive.writestr(entry, contents[name])
    return data.getvalue()


def bundle(files: Contents, made_by: str, checker_sha256: str) -> bytes:
    """The bundle of models and certificates by name, with its manifest.

    `made_by` names the version of compact-proofs, and `checker_sha256` is the hash of its single-file checker. Raises
    `Declined` for what no bundle may have.
    """
    return pack({MANIFEST: manifest(files, made_by, checker_sha256), **files})


def manifest(files: Contents, made_by: str, checker_sha256: str) -> bytes:
    """What a bundle says about its files. Raises `Declined`."""
    if not files or len(files) > MAX_FILES:
        raise Declined(f"bundle: expected 1 to max_files = {MAX_FILES} files, found {len(files)}")
    for name in files:
        if not NAME.fullmatch(name):
            raise Declined(f"bundle: expected names such as models/max.model, found {printable(name)[:120]!r}")
    if not MAKER.fullmatch(made_by) or not HASH.fullmatch(checker_sha256):
        raise Declined("bundle: expected the name of a version of compact-proofs and the hash of a checker")
    certificates = []
    for name, model in sorted(models_of(files).items()):
        command = f"python -I checker.pyz {model} {name}"
        certificates.append({**_described(name, files), "model": model, "command": command})
    said = {
        "format": FORMAT,
        "made_by": made_by,
        "checker_sha256": checker_sha256,
        "command": "python -I checker.pyz --bundle BUNDLE",
        "models": [_described(name, files) for name in sorted(files) if name.startswith("models/")],
        "certificates": certificates,
    }
    return (json.dumps(said, indent=1) + "\n").encode("ascii")


def _described(name: str, files: Contents) -> dict[str, Any]:
    return {"file": name, "sha256": sha256(files[name]).hexdigest(), "bytes": len(files[name])}


def models_of(files: Contents) -> dict[str, str]:
    """For each certificate the model whose hash it names. Raises `Declined` where none is, or there is none."""
    models = {sha256(data).hexdigest(): name for name, data in sorted(files.items()) if name.startswith("models/")}
    found = {}
    for name, data in files.items():
        if name.startswith("certificates/"):
            named = re.match(rb"[^\n]*\nmodel ([0-9a-f]{64})\n", data)
            if named is None or named[1].decode("ascii") not in models:
                raise Declined(f"bundle: {name}: expected the hash of a model of the bundle in the second line")
            found[name] = models[named[1].decode("ascii")]
    if not found:
        raise Declined("bundle: expected a certificate, found none")
    return found


# Reading


def unpack(data: bytes) -> Contents:
    """The models and certificates of a bundle. Raises `Declined` for anything that `bundle` does not write."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise Declined(f"bundle: more than max_bundle_bytes = {MAX_BUNDLE_BYTES}")
    contents = _entries(data)
    if MANIFEST not in contents:
        raise Declined(f"bundle: expected an entry {MANIFEST}, found none")
    said = contents.pop(MANIFEST)
    made_by, checker_sha256 = _maker(said)
    if manifest(contents, made_by, checker_sha256) != said:
        raise Declined("bundle: expected the manifest of its files, found another one")
    if bundle(contents, made_by, checker_sha256) != data:
        raise Declined("bundle: expected the bytes that follow from its entries, found others")
    return contents


def _entries(data: bytes) -> Contents:
    try:
        with ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_FILES + 1:
                raise Declined(f"bundle: {len(entries)} entries, limit max_files = {MAX_FILES}")
            names = [entry.filename for entry in entries]
            if len(set(names)) < len(names):
                raise Declined("bundle: expected entries of different names, found two of one")
            for entry in entries:
                if not NAME.fullmatch(entry.filename) and entry.filename != MANIFEST:
                    raise Declined(f"bundle: expected no entry {printable(entry.filename)[:120]!r}")
                if entry.compress_type != ZIP_STORED or entry.compress_size != entry.file_size:
                    raise Declined(f"bundle: {entry.filename}: expected a stored entry, found a compressed one")
            # What is stored takes its own place in the archive, unless entries overlap.
            if sum(entry.file_size for entry in entries) > len(data):
                raise Declined("bundle: expected entries one after the other, found overlapping ones")
            return {entry.filename: archive.read(entry) for entry in entries}
    except Declined:
        raise
    except Exception as error:  # whatever the library meets in a file that is no archive
        raise Declined(f"bundle: not a ZIP archive: {printable(str(error))[:120]}") from error


def _maker(said: bytes) -> tuple[str, str]:
    """Who made a bundle, and the hash of the checker, out of its manifest. Raises `Declined`."""
    try:
        if len(said) > MAX_MANIFEST_BYTES:
            raise ValueError
        found = json.loads(said)
        made_by, checker_sha256 = found["made_by"], found["checker_sha256"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Declined("bundle: expected a manifest in JSON that names its maker and its checker") from error
    if not isinstance(made_by, str) or not isinstance(checker_sha256, str):
        raise Declined("bundle: expected a manifest that names its maker and its checker in words")
    return made_by, checker_sha256


def read(path: str) -> bytes:
    """The bytes of the regular file at `path`, at most one more than the limit. Raises `Declined`."""
    try:
        # Without blocking, because it would take for ever to open a pipe that nobody writes to.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Declined(printable(f"{path}: not a regular file"))
            return file.read(MAX_BUNDLE_BYTES + 1)
    except OSError as error:
        raise Declined(printable(f"{path}: {error.strerror}")) from error
    except ValueError as error:
        raise Declined(printable(f"{path}: {error}")) from error


# Judging


def judge(path: str) -> BundleVerdict:
    """The verdict on the bundle in a file: that of the checker on every certificate."""
    try:
        files = unpack(read(path))
        of = models_of(files)
    except Declined as error:
        return BundleVerdict("declined", str(error), {})
    found = {name: check(files[model], files[name]) for name, model in sorted(of.items())}
    for verdict in ("declined", "rejected"):
        for name, one in found.items():
            if one.verdict == verdict:
                return BundleVerdict(verdict, f"{name}: {one.reason}", found)
    return BundleVerdict("accepted", "", found)


def show(found: BundleVerdict, as_json: bool) -> None:
    """Print what was found: in JSON, or a line for each certificate and one for the bundle, which is on standard error
    unless it is accepted. Raises `OSError` if a stream is closed or full."""
    accepted = found.verdict == "accepted"
    if as_json:
        say(json.dumps(asdict(found)), sys.stdout)
    else:
        for name, verdict in found.certificates.items():
            say(f"{name}: {verdict}", sys.stdout)
    if not (accepted and as_json):
        say(printable(str(found)), sys.stdout if accepted else sys.stderr)


@any_number_of_digits()
def main(arguments: list[str]) -> int:
    """Check the bundle named in `arguments` and print the verdict; returns the exit code, as of a check."""
    parser = Parser("checker.pyz --bundle", description="Check every certificate of a bundle.")
    parser.add_argument("bundle", help="bundle of models and certificates")
    parser.add_argument("--json", action="store_true", help="print the verdict as one JSON object")
    try:
        options = parser.parse_args(arguments)
    except SystemExit:
        return USAGE
    found = judge(options.bundle)
    try:
        show(found, options.json)
    except OSError as error:
        with suppress(OSError):
            say(f"no verdict: it cannot be printed: {error.strerror}", sys.stderr)
        return UNPRINTED
    return EXIT_CODES[found.verdict]
