"""Writes the conformance corpus: `python tests/corpus/generate.py`, or the large cases alone, `--on-demand DIRECTORY`.

A case is a pair of files NAME.model and NAME.certificate in accept/ or refuse/; `expected.json` says what a checker
must make of it. Nothing here depends on an implementation of the checker. The same bytes come out every time.
"""

import json
import sys
from hashlib import sha256
from pathlib import Path

import claims
import fields
import programs
import spellings
import statements
from files import Case

HERE = Path(__file__).parent

# The example of docs/formats.md.
MODEL = b"""\
compact-proofs-model 1
architecture attention-only
layers 1
heads 1
biases 0
positions 2
vocabulary 2
outputs 2
width 2
head_width 1
task max
tensor W_E 2 2 0
1 0
0 1
tensor W_pos 2 2 0
0 0
0 0
tensor W_Q 2 1 -1
1
0
tensor W_K 2 1 0
0
1
tensor W_V 2 1 0
0
1
tensor W_O 1 2 0
0 1
tensor W_U 2 2 -2
4 0
0 9
end
"""
CERTIFICATE = f"""\
compact-proofs-certificate 1
model {sha256(MODEL).hexdigest()}
correct 4
score_bits 48
exponential_bits 113
table QK exact
table OV exact
table EU exact
partitions 1
3 0 1 2
groups 3
group label 0 queries 0 0 correct 1 checks 1
levels 24 33554431 0 rest 0 0
group label 1 queries 0 0 correct 1 checks 1
levels 24 10795624 0 rest 1 1 1 1 1
group label 1 queries 1 1 correct 2 checks 1
levels 24 75497472 0 rest 1 1 1 1 1
end
""".encode()
EXAMPLE = Case("example-of-the-formats", "accepted", MODEL, CERTIFICATE, "the example of docs/formats.md", 4)


def all_cases() -> list[Case]:
    """Every case, in the order of the table."""
    cases = [
        EXAMPLE,
        *claims.accepted(),
        *spellings.cases(MODEL, CERTIFICATE, b"tensor W_U 2 2 -2\nNUMBER 0\n", b"levels 24 NUMBER 0 rest 0"),
        *fields.cases(MODEL, CERTIFICATE),
        *claims.refused(),
        *programs.accepted(),
        *programs.refused(),
        *statements.refused(MODEL, CERTIFICATE),
    ]
    names = [case.name for case in cases]
    if len(names) != len(set(names)):
        raise ValueError(f"two cases of one name: {sorted({name for name in names if names.count(name) > 1})}")
    return cases


def folder(case: Case) -> str:
    return "accept" if case.verdict == "accepted" else "refuse"


def expectation(case: Case) -> dict[str, object]:
    """What a checker must make of the case, as in `expected.json`."""
    expected: dict[str, object] = {"folder": folder(case), "verdict": case.verdict}
    if case.verdict == "accepted":
        expected["correct_at_least"] = case.correct
    else:
        expected["keywords"] = list(case.keywords)
    return {**expected, "reason": case.reason, "work_limit": case.work_limit}


def contents(on_demand: bool) -> dict[str, bytes]:
    """The files of the corpus by their paths: those that are kept, or the large ones."""
    cases = [case for case in all_cases() if case.on_demand == on_demand]
    files = {"expected.json": json.dumps({case.name: expectation(case) for case in cases}, indent=1).encode() + b"\n"}
    for case in cases:
        files[f"{folder(case)}/{case.name}.model"] = case.model
        files[f"{folder(case)}/{case.name}.certificate"] = case.certificate
    if not on_demand:
        files["README.md"] = readme().encode()
    return files


def readme() -> str:
    """The page about the corpus, with the table of all cases."""
    cases = all_cases()
    rows = [f"| `{folder(case)}/{case.name}` | {outcome(case)} | {case.reason} |" for case in cases]
    count = sum(case.verdict == "accepted" for case in cases)
    refused = len(cases) - count
    return f"""# Conformance corpus

{len(cases)} pairs of a model file and a certificate file, {count} to be accepted and {refused} to be refused,
for any checker of the formats of [docs/formats.md](../../docs/formats.md).

    python tests/corpus/run.py                            # the checker of this repository
    python tests/corpus/run.py python -O -I -m checker    # any command that takes MODEL CERTIFICATE
    python tests/corpus/run.py --verdicts-only verified/compact-proofs-verified

Each case is run in a process of its own. It passes if the exit code is 0 for accepted, 10 for rejected and 20 for
declined; if one line says so, on standard output (accepted) or standard error (refused), and nothing on the other; if
it takes at most 10 seconds of a processor and 1 GiB; and, unless `--verdicts-only` is given, if a refusal names its
reason by the keywords in `expected.json`. With `--verdicts-only`, cases that are declined for a limit of work are left
out, because the verified checker has few such limits, and may take minutes over such a file.

`python tests/corpus/generate.py` writes all files anew, and this page; none of it depends on a checker. Cases that are
large are written only while they are run.

| case | expected | why |
|---|---|---|
""" + "".join(f"{row}\n" for row in rows)


def outcome(case: Case) -> str:
    if case.verdict == "accepted":
        return f"accepted, {case.correct if case.correct < 10**6 else f'about 2^{case.correct.bit_length()}'}"
    return case.verdict + (", by a limit of work" if case.work_limit else "")


def write(directory: Path, on_demand: bool) -> None:
    """Write the corpus to `directory`; files of cases that are no more are removed."""
    files = contents(on_demand)
    for stale in [*directory.glob("*/*.model"), *directory.glob("*/*.certificate")]:
        if str(stale.relative_to(directory)) not in files:
            stale.unlink()
    for path, data in files.items():
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        (directory / path).write_bytes(data)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--on-demand"]:
        write(Path(sys.argv[2]), on_demand=True)
    else:
        write(HERE, on_demand=False)
