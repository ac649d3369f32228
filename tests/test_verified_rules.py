"""Which rules are proved: the page in the docs is what the script prints, and no verdict hides an unproved rule."""

import re
import subprocess
import sys
from pathlib import Path

from checker.rules.registry import VERIFIED_RULES

ROOT = Path(__file__).parent.parent


def test_the_page_is_current() -> None:
    script = ROOT / "verified" / "rules_status.py"
    printed = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True).stdout
    assert (ROOT / "docs" / "verified_rules.md").read_text(encoding="utf-8") == printed


def test_the_kernel_knows_which_rules_are_proved() -> None:
    """The literal set by which a verdict names the others is that of the page."""
    page = (ROOT / "docs" / "verified_rules.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.MULTILINE)
    assert len(rows) > 4 and VERIFIED_RULES == {rule for rule, lemma in rows if lemma != "unverified"}


def test_no_page_calls_a_claim_that_is_not_established_false() -> None:
    """Another certificate may prove it."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("checker/*.py"), *ROOT.glob("compact_proofs/*.py")]
    said = [path.name for path in pages if "a claim is false" in path.read_text(encoding="utf-8")]
    assert len(pages) > 20 and not said
