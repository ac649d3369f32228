"""Prints which rules have a lemma in Coq: `python verified/rules_status.py > docs/verified_rules.md`."""

import re
from pathlib import Path

PROOFS = Path(__file__).resolve().parent
KERNEL = PROOFS.parent / "checker"


def rules() -> list[str]:
    """The rules of the Python kernel: its functions `check_...` whose docstrings name a rule."""
    sources = [(KERNEL / name).read_text(encoding="utf-8") for name in ("tables.py", "groups.py")]
    return [name for source in sources for name in re.findall(r'"""Rule `(\w+)`', source)]


def lemma_file(rule: str) -> str | None:
    """The Coq file that states `check_RULE_sound`, if there is one."""
    stated = re.compile(rf"^(Lemma|Theorem) check_{rule}_sound\b", re.MULTILINE)
    found = [path.name for path in sorted(PROOFS.glob("*.v")) if stated.search(path.read_text(encoding="utf-8"))]
    return found[0] if found else None


def table() -> str:
    """The page, in Markdown."""
    lines = [
        "# Rules and their proofs",
        "",
        "Printed by `python verified/rules_status.py`. A lemma is about the rule as the [verified",
        "checker](../verified/README.md) has it, in Coq. The Python kernel's rule of the same name is tested, and",
        "compared with the verified one, but not proved itself.",
        "",
        "| rule | lemma | file |",
        "| --- | --- | --- |",
    ]
    for rule in rules():
        file = lemma_file(rule)
        lemma = f"`check_{rule}_sound`" if file else "unverified"
        lines.append(f"| `{rule}` | {lemma} | {f'[{file}](../verified/{file})' if file else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
