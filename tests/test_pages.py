"""Pages and files about the project say what is so: names, versions, commands, packages and links."""

import json
import re
import tomllib
from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from model_export import zoo
from model_export.naming import SCHEMES
from model_export.training import train

ROOT = Path(__file__).parent.parent
MANIFEST: dict[str, dict[str, Any]] = json.loads((ROOT / "models" / "manifest.json").read_text(encoding="ascii"))
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
    proofs = [*(ROOT / "verified").glob("*.v"), *(ROOT / "verified").glob("*/*.v")]
    sources = "".join(path.read_text(encoding="utf-8") for path in proofs)
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


def slug(heading: str) -> str:
    """The anchor that a heading gets where Markdown is shown."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").strip().lower()).replace(" ", "-")


def anchors(path: Path) -> list[str]:
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return [slug(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]


def test_links_lead_to_headings() -> None:
    assert slug("What is refused: `--json`, e.g.") == "what-is-refused---json-eg"
    found = 0
    for path in pages():
        for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            target = (path.parent / link).resolve() if link else path
            assert anchor in anchors(target), f"{path.name}: {link}#{anchor}"
            found += 1
    assert found > 3


def rows_below(name: str, heading: str) -> list[list[str]]:
    """The cells of the rows of the tables below a heading."""
    section = page(name).split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, re.MULTILINE)
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines]


def test_names_of_tensors_are_those_that_are_read() -> None:
    """Each scheme a column: its matrices, which of them are stored transposed, and what else may occur."""
    head, *rows = rows_below("docs/weights.md", "Naming schemes")
    cells = {row[0].strip("`"): row[1:] for row in rows}
    assert head[1:] == [scheme.title for scheme in SCHEMES]
    for column, scheme in enumerate(SCHEMES):
        for short, name in scheme.matrices.items():
            assert cells[short][column] == f"`{name}`" + " ᵀ" * (short in scheme.transposed)
        biases = re.findall(r"`([^`]*)`", cells["may occur, as zeros"][column])
        shown = scheme.biases if len(biases) == len(scheme.biases) else (scheme.biases[0], *scheme.biases[-2:])
        assert biases == list(shown)
        also = [name for name in (scheme.mask, *scheme.ignored) if name]
        assert re.findall(r"`([^`]*)`", "".join(cells["may occur"][column : column + 1])) == also
        heads = {None: "optional axis", True: "axis", False: "flattened"}[scheme.head_axis]
        assert cells["heads"][column].partition(" `")[0] == heads


def test_sizes_and_accuracies_are_those_of_the_shipped_models() -> None:
    _, *rows = rows_below("docs/weights.md", "The shipped models")
    assert sorted(row[0].split("`")[1] for row in rows) == sorted(MANIFEST)
    for first, *numbers in rows:
        entry = MANIFEST[first.split("`")[1]]
        recipe = entry["recipe"]
        assert first.partition(" (")[2] in ("", f"max of {recipe['positions']})")
        sizes = [recipe[name] for name in ("vocabulary", "width", "head_width")]
        expected = [*sizes, recipe.get("steps", defaults(train)["steps"])]
        assert list(map(int, numbers[:4])) == expected
        assert float(numbers[4].split(" ")[0]) == round(entry["sampled_accuracy"], 6)
    assert {entry["samples"] for entry in MANIFEST.values()} == {zoo.SAMPLES} == {10**6}
    assert {entry["sample_seed"] for entry in MANIFEST.values()} == {zoo.SAMPLE_SEED}
    assert "over 10^6 uniform random inputs" in page("docs/weights.md")


def defaults(function: Callable[..., object]) -> dict[str, Any]:
    return {name: parameter.default for name, parameter in signature(function).parameters.items()}


def test_the_recipe_of_training_is_that_of_the_page() -> None:
    section = page("docs/weights.md").split("\n## Training\n")[1].split("\n## ")[0]
    said = " ".join(section.split())
    rate, betas, decay = re.findall(r"learning rate ([\d.]+), betas \(([^)]*)\) and weight decay ([\d.]+)", said)[0]
    steps, batch = re.findall(r"(\d+) steps on batches of (\d+) ", said)[0]
    found = defaults(train)
    assert (found["learning_rate"], found["weight_decay"]) == (float(rate), float(decay))
    assert list(found["betas"]) == [float(beta) for beta in betas.split(", ")]
    assert (found["steps"], found["batch_size"]) == (int(steps), int(batch))


def test_keys_of_the_verified_checker() -> None:
    """Those that its page names are those that it prints."""
    said = " ".join(page("verified/README.md").split())
    ((keys, groups),) = re.findall(r"one object with the keys (.*?); `--groups` adds `(\w+)`", said)
    source = page("verified/main.ml").partition("let json ")[2].partition("\nlet ")[0]
    assert [*re.findall(r"`(\w+)`", keys), groups] == re.findall(r'\("(\w+)",', source)
