(** * The theorem about programs is not empty: two files that are accepted

    Two tokens, each 0 or 1, attend to each other, and what they gather is added: the larger one wins.
    Parsing,
    SHA-256 and the check are computed by Coq. *)

From Coq Require Import String ZArith List.
From CompactProofs Require Import Syntax Text Soundness ProgramSemantics ProgramParser Check.
Local Open Scope Z_scope.

Definition model_text : bytes := list_byte_of_string
"compact-proofs-model 2
task max 2 0 1
positions 2
2 0 1
2 0 1
tensors 1
tensor 0 2 2 0
1 0
0 2
steps 3
embed 0
attend 0 0 0 full 1 0 1
total 1
end
".

Definition certificate_text (claimed : string) : bytes := list_byte_of_string
("compact-proofs-certificate 2
model bdd17b780be2aad6b53ef1d8ce5c3fe23260a9c4c9d5d6e95395213160bc128a
correct " ++ claimed ++ "
rule evaluate
passes 1
8 8 10
intervals 1
0 3 " ++ claimed ++ "
end
").

Theorem accepted_files : check model_text (certificate_text "4") = Accepted 4 4.
Proof. vm_compute. reflexivity. Qed.

(** One more claimed than there are. *)
Theorem rejected_files : exists reason, check model_text (certificate_text "5") = Rejected reason.
Proof. eexists. vm_compute. reflexivity. Qed.

(** Hence, by [check_sound], over the real numbers: *)
Corollary accepted_files_mean_something :
  exists P inputs,
    parse_program model_text = Some P /\ number_of_inputs P = 4 /\
    NoDup inputs /\ Forall (is_input P) inputs /\ Forall (correct P) inputs /\
    4 <= Z.of_nat (List.length inputs).
Proof.
  destruct (check_sound _ _ _ _ accepted_files) as (P & inputs & H & T & H').
  exists P, inputs. rewrite <- T. auto.
Qed.
