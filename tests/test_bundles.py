"""Bundles: the same bytes from the same files, checked by the command and by the single-file checker, and refused where
they are not what `bundle` writes."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from bare_environment import bare_environment
from hypothesis import given
from hypothesis import strategies as st
from small_models import examples

from certificates.sampling import prove_sample
from checker import check
from checker.__main__ import EXIT_CODES
from checker.errors import Declined
from compact_proofs import bundle_file
from compact_proofs.bundle_file import Contents, bundle, pack, unpack
from compact_proofs.command_line import main
from compact_proofs.single_file import single_file

MAKER, CHECKER = "compact-proofs 0.1.0", "0" * 64
MODEL, CERTIFICATE = "models/tiny.model", "certificates/tiny.certificate"


@pytest.fixture
def files(tiny_model: Path, tiny_certificate: Path) -> Contents:
    return {MODEL: tiny_model.read_bytes(), CERTIFICATE: tiny_certificate.read_bytes()}


@pytest.fixture
def made(tmp_path: Path, tiny_model: Path, tiny_certificate: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The bundle of the tiny model, by the command."""
    path = tmp_path / "tiny.zip"
    assert main(["bundle", str(tiny_model), str(tiny_certificate), "-o", str(path)]) == 0
    assert "1 of 2 files are certificates, all accepted" in capsys.readouterr().out
    return path


def verified(path: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["verify", str(path), *options])
    return code, *capsys.readouterr()


def test_a_bundle_is_verified(made: Path, files: Contents, capsys: pytest.CaptureFixture[str]) -> None:
    assert unpack(made.read_bytes()) == files
    verdict = check(files[MODEL], files[CERTIFICATE])
    code, out, err = verified(made, capsys)
    assert (code, out, err) == (0, f"{CERTIFICATE}: {verdict}\naccepted: all certificates, 1 of 1 models\n", "")
    code, out, err = verified(made, capsys, "--json")
    found = json.loads(out)
    assert (code, err, found["verdict"]) == (0, "", "accepted")
    assert found["certificates"][CERTIFICATE]["correct_at_least"] == verdict.correct_at_least == 215


def test_statistical_certificates_are_told_from_others(tmp_path: Path, files: Contents) -> None:
    model = next(data for name, data in files.items() if name.startswith("models/"))
    more = {**files, "certificates/sample": prove_sample(model, 20, 100).certificate}
    path = tmp_path / "both.zip"
    path.write_bytes(bundle(more, "compact-proofs 1", "0" * 64))
    assert str(bundle_file.judge(str(path))) == "accepted: all certificates, 2 (1 statistical) of 1 models"


def test_the_manifest_says_what_is_in_it(made: Path, files: Contents) -> None:
    with zipfile.ZipFile(made) as archive:
        said = json.loads(archive.read("manifest.json"))
        assert archive.testzip() is None and len(archive.namelist()) == 3
    verdict = check(files[MODEL], files[CERTIFICATE])
    [model], [certificate] = said["models"], said["certificates"]
    assert (model["file"], model["sha256"], model["bytes"]) == (MODEL, verdict.model_sha256, verdict.model_bytes)
    assert (certificate["model"], certificate["bytes"]) == (MODEL, verdict.certificate_bytes)
    assert certificate["command"] == f"python -I checker.pyz {MODEL} {CERTIFICATE}"
    assert said["checker_sha256"] == bundle_file.sha256(single_file()).hexdigest()


def test_the_same_files_give_the_same_bytes(
    made: Path, tmp_path: Path, tiny_model: Path, tiny_certificate: Path
) -> None:
    """Whatever their order and their times, and however often each is named."""
    os.utime(tiny_model, (10**9, 10**9))
    again = tmp_path / "again.zip"
    names = [tiny_certificate, tiny_model, tiny_model, tiny_certificate]
    assert main(["bundle", *map(str, names), "-o", str(again)]) == 0
    assert again.read_bytes() == made.read_bytes()


def test_the_single_file_checks_it(made: Path, tmp_path: Path, files: Contents) -> None:
    """In an environment with NumPy and python-flint, and nothing else."""
    python = bare_environment(tmp_path / "bare") / "python"
    (tmp_path / "checker.pyz").write_bytes(single_file())
    # What lies in the working directory does not stand in for it.
    (tmp_path / "bundle_file.py").write_text("raise SystemExit(0)")
    rejected = files | {CERTIFICATE: files[CERTIFICATE].replace(b"\ncorrect 215\n", b"\ncorrect 216\n")}
    (tmp_path / "rejected.zip").write_bytes(bundle(rejected, MAKER, CHECKER))
    (tmp_path / "half.zip").write_bytes(made.read_bytes()[:5000])
    for name, verdict in ((made.name, "accepted"), ("rejected.zip", "rejected"), ("half.zip", "declined")):
        command = [python, "-I", "checker.pyz", "--bundle", name]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == EXIT_CODES[verdict], run.stderr
        assert (run.stdout if verdict == "accepted" else run.stderr).splitlines()[-1].startswith(f"{verdict}: ")
    run = subprocess.run([python, "-I", "checker.pyz", "--bundle"], cwd=tmp_path, capture_output=True)
    assert run.returncode == 2
    # Nothing but a verdict has the code of one: not even what is not printed.
    with open("/dev/full", "w") as full:
        command = [str(python), "-I", "checker.pyz", "--bundle", made.name]
        assert subprocess.run(command, cwd=tmp_path, stdout=full, stderr=full).returncode == 74


def test_one_certificate_that_fails_fails_the_bundle(
    files: Contents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, good = tmp_path / "b.zip", files[CERTIFICATE]
    wrong = good.replace(b"\ncorrect 215\n", b"\ncorrect 216\n")
    cut = good[:300]
    for more, verdict in (({"b": wrong}, "rejected"), ({"b": wrong, "c": cut}, "declined"), ({"b": good}, "accepted")):
        added = {f"certificates/{name}": data for name, data in more.items()}
        path.write_bytes(bundle(files | added, MAKER, CHECKER))
        code, out, err = verified(path, capsys)
        assert code == EXIT_CODES[verdict]
        assert (out + err).splitlines()[-1].startswith(f"{verdict}: ")
        assert f"{CERTIFICATE}: accepted: " in out
        assert verified(path, capsys, "--json")[0] == EXIT_CODES[verdict]


def test_a_bundle_is_made_of_what_is_accepted(
    tmp_path: Path, tiny_model: Path, files: Contents, capsys: pytest.CaptureFixture[str]
) -> None:
    path, output = tmp_path / "wrong.certificate", tmp_path / "b.zip"
    for data, reason in (
        (files[CERTIFICATE].replace(b"\ncorrect 215\n", b"\ncorrect 216\n"), "claimed 216 correct"),
        (files[CERTIFICATE][:300], "found the end"),
        (files[CERTIFICATE].replace(b"model ", b"model 0", 1), "none of the models given"),
    ):
        path.write_bytes(data)
        assert main(["bundle", str(tiny_model), str(path), "-o", str(output)]) == 2
        assert reason in capsys.readouterr().err
    assert main(["bundle", str(tiny_model), "-o", str(output)]) == 2
    assert "expected a certificate" in capsys.readouterr().err
    assert not output.exists()


def test_names_become_plain(tmp_path: Path, tiny_model: Path, tiny_certificate: Path) -> None:
    model = shutil.copy(tiny_model, tmp_path / ".. \n<b>é.model")
    certificates = [shutil.copy(tiny_certificate, tmp_path / name) for name in ("a b.certificate",)]
    output = tmp_path / "b.zip"
    assert main(["bundle", str(model), *map(str, certificates), "-o", str(output)]) == 0
    assert list(unpack(output.read_bytes())) == ["certificates/a-b.certificate", "models/n-b.model"]


# Hostile archives


def zipped(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    data = BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return data.getvalue()


def entries_of(files: Contents) -> list[tuple[str, bytes]]:
    return [*files.items(), ("manifest.json", bundle_file.manifest(files, MAKER, CHECKER))]


Change = Callable[[Contents], bytes]


def without(name: str) -> Change:
    return lambda files: zipped([entry for entry in entries_of(files) if entry[0] != name])


def with_manifest(change: Callable[[dict[str, object]], object]) -> Change:
    def changed(files: Contents) -> bytes:
        said = json.loads(bundle_file.manifest(files, MAKER, CHECKER))
        change(said)
        return pack({**files, "manifest.json": json.dumps(said, indent=1).encode() + b"\n"})

    return changed


def duplicate(files: Contents) -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped([*entries_of(files), (CERTIFICATE, b"another")])


HOSTILE: dict[str, tuple[Change, str]] = {
    "slip": (lambda f: zipped([*entries_of(f), ("../../evil", b"x")]), "expected no entry '../../evil'"),
    "absolute": (lambda f: zipped([*entries_of(f), ("/etc/x", b"x")]), "expected no entry '/etc/x'"),
    "slip below models": (lambda f: zipped([*entries_of(f), ("models/../x", b"x")]), "expected no entry"),
    "folder": (lambda f: zipped([*entries_of(f), ("models/", b"")]), "expected no entry 'models/'"),
    "bomb": (lambda f: zipped(entries_of(f | {"models/b": bytes(10**7)}), zipfile.ZIP_DEFLATED), "expected a stored"),
    "duplicate": (duplicate, "two of one"),
    "no model": (without(MODEL), "expected the hash of a model of the bundle"),
    "no certificate": (without(CERTIFICATE), "expected a certificate, found none"),
    "no manifest": (without("manifest.json"), "expected an entry manifest.json"),
    "more than in the manifest": (lambda f: zipped([*entries_of(f), ("models/x", b"x")]), "found another one"),
    "other times": (lambda f: zipped(entries_of(f)), "found others"),
    "something before": (lambda f: b"#!/bin/sh\n" + bundle(f, MAKER, CHECKER), "found others"),
    "something after": (lambda f: bundle(f, MAKER, CHECKER) + b"\n", "bundle: "),
    "other hash": (with_manifest(lambda said: said["models"][0].update(sha256="0" * 64)), "found another one"),  # type: ignore[index]
    "other version": (with_manifest(lambda said: said.update(format="compact-proofs-bundle 2")), "found another one"),
    "another key": (with_manifest(lambda said: said.update(more=1)), "found another one"),
    "another maker": (with_manifest(lambda said: said.update(made_by="me\n")), "name of a version"),
    "a maker that is no name": (with_manifest(lambda said: said.update(made_by=[])), "in words"),
    "no JSON": (lambda f: pack({**f, "manifest.json": b"{"}), "a manifest in JSON"),
    "deep JSON": (lambda f: pack({**f, "manifest.json": b"[" * 10**5}), "a manifest in JSON"),
    "no archive": (lambda f: b"PK", "not a ZIP archive"),
    "nothing": (lambda f: b"", "not a ZIP archive"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives_are_declined(
    name: str, files: Contents, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, reason = HOSTILE[name]
    path = tmp_path / "hostile.zip"
    path.write_bytes(change(files))
    code, out, err = verified(path, capsys)
    assert (code, out) == (EXIT_CODES["declined"], "")
    assert err.startswith("declined: bundle: ") and reason in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_overlapping_entries_are_declined(files: Contents) -> None:
    """Several entries whose bytes are the same place in the archive, which so holds more than it is long."""
    names = [f"models/m{number}.model" for number in range(3)]
    data = bytearray(pack({name: bytes(1000) for name in names}))
    end = data.rindex(b"PK\x05\x06")
    place = int.from_bytes(data[end + 16 : end + 20], "little")
    for _ in names:
        size = 46 + int.from_bytes(data[place + 28 : place + 30], "little")
        data[place + 24 : place + 28] = data[place + 20 : place + 24] = (2000).to_bytes(4, "little")
        place += size
    with pytest.raises(Declined, match="overlapping"):
        unpack(bytes(data))


@given(data=st.data())
@examples(60)
def test_changed_bytes_are_never_unpacked(data: st.DataObject) -> None:
    """Or they are the bytes of another bundle, down to its manifest."""
    named = bundle_file.sha256(b"model").hexdigest()
    files = {"models/a": b"model", "certificates/a": f"x\nmodel {named}\n".encode()}
    whole = bundle(files, MAKER, CHECKER)
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = unpack(bytes(changed))
    except Declined:
        return
    said = json.loads(zipfile.ZipFile(BytesIO(changed)).read("manifest.json"))
    assert bundle(found, said["made_by"], said["checker_sha256"]) == changed


def test_what_cannot_be_read_is_declined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "none", Path("\0")):
        code, out, err = verified(path, capsys)
        assert (code, out) == (EXIT_CODES["declined"], "") and err.startswith("declined: ")


def test_verify_loads_no_strategy(made: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "compact_proofs", "verify", str(made)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in run.stderr.splitlines() if "|" in line}
    assert "checker" in loaded and not loaded & {"certificates", "fuzzing", "altair", "safetensors", "sympy"}
