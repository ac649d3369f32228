"""Pages and files about the project say what is so: names, versions, commands, packages and links."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FOLDERS = (".ci", "benchmarks", "docs", "tests", "verified", *(path.parent.name for path in ROOT.glob("*/py.typed")))
# Words of the pages, each of which has one meaning.
WORDS = """
model, weights, task, input, label, logit, margin, group, bound, enclosure, rule, strategy, certificate, verdict,
operations, frontier, QK, OV, EU, EQKE, EVOU, table, band, level, class, partition, gap, hint, score, query, kernel,
twin, dyadic, accepted, rejected, declined, exact model
"""


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.md"))]


def test_no_command_installs_a_name_that_is_not_registered() -> None:
    """There is no `compact-proofs` in any index: it is installed from a clone."""
    files = [*pages(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]
    assert len(files) > 50
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pip install [^\n]*['\"\s]compact-proofs\b", text), path


def test_extras_that_pages_and_messages_name_are_there() -> None:
    named = set()
    for path in [*pages(), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))]:
        named |= set(re.findall(r"pip install '\.\[(\w+)\]'", path.read_text(encoding="utf-8")))
    assert {"fuzz", "frontier", "train", "atheris"} <= named <= set(PROJECT["optional-dependencies"])


def test_debian_packages_are_those_that_the_page_lists() -> None:
    (installed,) = re.findall(r"install_packages (make [^\n]*)", page("tests/run"))
    (listed,) = re.findall(r"`apt-get install ([^`]*)`", page("verified/README.md"))
    assert installed.split() == listed.split()
    # Libraries of Coq are installed as long as a proof requires one.
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "verified").glob("*.v"))
    libraries = set(re.findall(r"^From (\w+)", sources, re.MULTILINE)) - {"Coq", "CompactProofs"}
    packages = {name.removeprefix("libcoq-") for name in installed.split() if name.startswith("libcoq-")}
    assert packages == {library.lower() for library in libraries}


def test_the_changelog_has_this_version() -> None:
    assert re.search(rf"^## {re.escape(PROJECT['version'])}\b", page("CHANGELOG.md"), re.MULTILINE)


def test_the_citation_is_of_this_version_and_of_the_paper() -> None:
    """A list of keys and values, of which the format demands the first four."""
    text = page("CITATION.cff")
    top = dict(re.findall(r"^([a-z-]+): *(.*)$", text, re.MULTILINE))
    assert (top["cff-version"], top["title"], bool(top["message"])) == ("1.2.0", PROJECT["name"], True)
    assert re.search(r"^authors:\n  - name: The compact-proofs authors$", text, re.MULTILINE)
    assert (top["version"], top["license"]) == (PROJECT["version"], PROJECT["license"])
    assert "https://arxiv.org/abs/2406.11779" in text.partition("\nreferences:\n")[2]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "README.md"])
def test_commands_of_pages_are_there(name: str) -> None:
    text = page(name)
    scripts = re.findall(r"(?:python|bash|make -C) ((?:\.ci|benchmarks|compact_proofs|tests|verified)\b[\w./]*)", text)
    assert len(scripts) >= 3
    for script in scripts:
        assert (ROOT / script).exists(), script


def test_paths_of_the_page_for_contributors_are_there() -> None:
    folders = "certificates|checker|docs|fuzzing|models|tests|verified"
    paths = re.findall(rf"`((?:{folders})/[\w./]*)`", page("CONTRIBUTING.md"))
    assert len(paths) > 20
    for path in paths:
        assert (ROOT / path).exists(), path


def test_the_glossary_has_every_word_once_and_in_order() -> None:
    terms = re.findall(r"^\| ([^|]+) \| [^|]{10,} \|$", page("docs/glossary.md"), re.MULTILINE)
    words = [word for term in terms for word in term.split(", ")]
    assert terms == sorted(terms, key=str.lower)
    assert len(set(words)) == len(words)
    assert set(re.split(r",\s+", WORDS.strip())) <= set(words)


def test_soundness_bugs_are_reported_in_private() -> None:
    report = page("SECURITY.md").partition("## How to report")[2]
    assert "in private first" in report
    # No address is known, and none is invented.
    assert not re.search(r"@|https?://", report)


def test_links_lead_to_files() -> None:
    assert len(pages()) > 15
    for path in pages():
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            assert (path.parent / link).exists(), f"{path.name}: {link}"
