(** * The theorem is not empty: two files that are accepted

    The example of [docs/formats.md], byte by byte: parsing, SHA-256 and the check, computed by Coq. *)

From Coq Require Import String ZArith List.
From CompactProofs Require Import Syntax Text Semantics Parser Soundness Check.

Definition model_text : bytes := list_byte_of_string
"compact-proofs-model 1
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
".

Definition certificate_text : bytes := list_byte_of_string
"compact-proofs-certificate 1
model db0bbba2e30064db576f34502426d325e1ca8b284397cc3e5254f1bcb3621bba
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
".

Theorem accepted_files : check model_text certificate_text = Accepted 4 4.
Proof. vm_compute. reflexivity. Qed.

(** One more claimed than there are. *)
Theorem rejected_files :
  exists reason,
    check model_text (list_byte_of_string
"compact-proofs-certificate 1
model db0bbba2e30064db576f34502426d325e1ca8b284397cc3e5254f1bcb3621bba
correct 5
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
group label 1 queries 1 1 correct 3 checks 1
levels 24 75497472 0 rest 1 1 1 1 1
end
")
    = Rejected reason.
Proof. eexists. vm_compute. reflexivity. Qed.

(** Hence, by [check_sound], over the real numbers: *)
Corollary accepted_files_mean_something :
  exists M inputs,
    parse_model model_text = Some M /\ number_of_inputs M = 4%Z /\
    NoDup inputs /\ Forall (is_input M) inputs /\ Forall (correct M) inputs /\
    (4 <= Z.of_nat (List.length inputs))%Z.
Proof.
  destruct (check_sound _ _ _ _ accepted_files) as (M & inputs & P & T & H).
  exists M, inputs. rewrite <- T. auto.
Qed.
