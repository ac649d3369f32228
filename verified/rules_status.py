"""Prints which rules have a lemma in Coq: `python verified/rules_status.py > docs/verified_rules.md`."""

import re
from pathlib import Path

PROOFS = Path(__file__).resolve().parent
RULES = PROOFS.parent / "docs" / "rules.md"
# Of the steps that all certificates share. The other rules have the lemma `check_RULE_sound`.
LEMMAS = {
    "embedding": "denotes_add_row",
    "round": "round_table_ok",
    "scores": "exponentials_ok",
    "exponential": "exponentials_ok",
    "gaps": "compute_gaps_ok",
    "weights": "query_weights_of_ok",
    "last": "last_term_ok",
    "inputs": "count_inputs_sound",
}


def rules() -> list[str]:
    """The rules of the Python kernel, in the order of their page."""
    return re.findall(r"^### (\w+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)


def lemma_file(lemma: str) -> str | None:
    """The Coq file that states `lemma`, if there is one."""
    stated = re.compile(rf"^(Lemma|Theorem) {lemma}\b", re.MULTILINE)
    for path in sorted([*PROOFS.glob("*.v"), *PROOFS.glob("*/*.v")]):
        if stated.search(path.read_text(encoding="utf-8")):
            return str(path.relative_to(PROOFS))
    return None


def table() -> str:
    """The page, in Markdown."""
    lines = [
        "# Rules and their proofs",
        "",
        "Printed by `python verified/rules_status.py`. A lemma is about the rule as the [verified",
        "checker](../verified/README.md) has it, in Coq. The Python kernel's rule of the same name is tested, and",
        "compared with the verified one, but not proved itself. A rule without a lemma is *unverified*: the kernel",
        "holds the names of the others (`VERIFIED_RULES` in `checker/rules/registry.py`), and a verdict states which",
        "of the rules that it used are not among them.",
        "",
        "| rule | lemma | file |",
        "| --- | --- | --- |",
    ]
    for rule in rules():
        name = LEMMAS.get(rule, f"check_{rule}_sound")
        file = lemma_file(name)
        lemma = f"`{name}`" if file else "unverified"
        lines.append(f"| `{rule}` | {lemma} | {f'[{file}](../verified/{file})' if file else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
