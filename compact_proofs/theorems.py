"""A certificate as a theorem about one trained network, which Coq itself proves by carrying out the check.

What is written here is text and is not to be trusted: `coqc` accepts it only if the certificate in it
proves the theorem in it, about the model in it (`verified/NetworkTheorem.v`).
"""

import re
from pathlib import Path

from checker import Verdict

# Coq makes a module of each file.
MODULE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

TEMPLATE = """\
(** At least {correct} of {total} inputs are classified correctly by the model with SHA-256
    {sha256}.

    The command

        coqc -Q verified CompactProofs {file}

    proves it, in a clone of compact-proofs after `make -C verified`. The theorem is at the end; what its words
    mean is in {meaning}. *)

From Coq Require Import ZArith List.
From CompactProofs Require Import {modules} NetworkTheorem.
Import ListNotations.
Local Open Scope Z_scope.

(** The model file, line by line. *)
Definition model_text := text_of [
{model}
]%line.

(** The certificate file. The theorem does not speak of it; it is its proof. *)
Definition certificate_text := text_of [
{certificate}
]%line.

(** In words: the text [model_text] denotes a {kind} [M], which has {total} inputs. There are
    {correct} different inputs, or more, for each of which {right} is
    strictly greater than every other logit{answers}, over the real numbers. *)
Theorem correct_inputs :
  exists (M : {kind}) (inputs : list (list nat)),
    {parse} model_text = Some M /\\
    number_of_inputs M = {total} /\\
    NoDup inputs /\\
    Forall (is_input M) inputs /\\
    Forall (correct M) inputs /\\
    Z.of_nat (length inputs) >= {correct}.
Proof. apply ({sound} _ certificate_text). vm_cast_no_check (eq_refl true). Qed.

Print Assumptions correct_inputs.
"""
# What differs between the models of max-of-K and programs.
MAX_OF_K = {
    "meaning": "verified/models/Semantics.v",
    "modules": "Syntax Semantics Parser",
    "kind": "model",
    "right": "the logit of the label, the greatest of its tokens,",
    "answers": "",
    "parse": "parse_model",
    "sound": "proves_sound",
}
OF_PROGRAMS = {
    "meaning": "verified/models/ProgramSemantics.v and verified/tasks/Tasks.v",
    "modules": "ProgramSemantics ProgramParser",
    "kind": "program",
    "right": "the logit of the label that the task gives",
    "answers": ", for each of its answers",
    "parse": "parse_program",
    "sound": "proves_of_program_sound",
}


def module_file(output: str) -> Path:
    """The path of a file that `coqc` can compile. Raises `ValueError` if its name is not a module's."""
    path = Path(output)
    if path.suffix != ".v" or not MODULE.fullmatch(path.stem):
        raise ValueError(f"{path.name}: expected a name of letters, digits and underscores that ends with .v")
    return path


def theorem_file(model: bytes, certificate: bytes, verdict: Verdict, name: str) -> str:
    """The text of the file `name`, for two files that the checker accepted with this verdict."""
    return TEMPLATE.format(
        **(OF_PROGRAMS if verdict.model else MAX_OF_K),
        correct=verdict.correct_at_least,
        total=verdict.total,
        sha256=verdict.model_sha256,
        file=name,
        model=_lines(model),
        certificate=_lines(certificate),
    )


def _lines(text: bytes) -> str:
    """The lines of an accepted file, which holds neither quotes nor anything beyond ASCII, as strings of Coq."""
    return ";\n".join(f'"{line}"' for line in text.decode("ascii").splitlines())
