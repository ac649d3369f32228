(** * The theorem is not empty: a certificate that is accepted

    A model of two tokens and two positions. Token 1 attracts attention; every token moves the logits towards
    its own output. All four inputs are correct, and a certificate of three groups proves it. *)

From Coq Require Import Reals ZArith List Lia String.
From CompactProofs Require Import Syntax Semantics Soundness.
Import ListNotations.
Open Scope Z_scope.

Definition small_model : model := {|
  vocabulary := 2; outputs := 2; positions := 2; width := 3; head_width := 1;
  W_E := Dyadic [[1; 0; 0]; [0; 1; 0]] 0;
  W_pos := Dyadic [[0; 0; 0]; [0; 0; 0]] 0;
  W_Q := Dyadic [[1]; [1]; [0]] 0;
  W_K := Dyadic [[0]; [1]; [0]] 0;
  W_V := Dyadic [[-1]; [2]; [0]] 0;
  W_O := Dyadic [[0; 0; 1]] 0;
  W_U := Dyadic [[0; 0]; [0; 0]; [-1; 1]] 0
|}.

Definition small_group (l q : Z) (n : Z) (runs : list (Z * Z)) (per_level : list Z) : group :=
  Group l q q n [Check Levels 16 1 0 None runs per_level].

Definition small_certificate : certificate := {|
  model_sha256 := ""; claimed_correct := 4; score_bits := 16; exponential_bits := 32;
  table_QK := Exact; table_OV := Exact; table_EU := Exact;
  partitions := [[0; 1; 2]];
  groups := [small_group 0 0 1 [] []; small_group 1 0 1 [(1, 1)] [1]; small_group 1 1 2 [(1, 1)] [1]]
|}.

Lemma small_model_well_formed : well_formed small_model.
Proof. constructor; simpl; try lia; split; repeat constructor. Qed.

Lemma witness : check_claims small_model small_certificate = Accepted 4 4.
Proof. vm_compute. reflexivity. Qed.

(** The same, in terms of the meaning of models. *)
Lemma four_inputs_are_correct :
  exists l, NoDup l /\ Forall (is_input small_model) l /\ Forall (correct small_model) l /\
  4 <= Z.of_nat (List.length l).
Proof. exact (proj2 (check_claims_sound _ _ _ _ small_model_well_formed witness)). Qed.

(** One more than that is rejected. *)
Lemma five_are_too_many :
  exists reason, check_claims small_model
    {| model_sha256 := ""; claimed_correct := 5; score_bits := 16; exponential_bits := 32;
       table_QK := Exact; table_OV := Exact; table_EU := Exact; partitions := [[0; 1; 2]];
       groups := [small_group 0 0 1 [] []; small_group 1 0 1 [(1, 1)] [1]; small_group 1 1 3 [(1, 1)] [1]] |}
  = Rejected reason.
Proof. eexists. vm_compute. reflexivity. Qed.
