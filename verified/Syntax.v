(** * What the two files say: exact models and certificates, as plain data

    Mirrors [checker/models/attention_only.py] and [checker/certificate.py]. Nothing here has a meaning yet: what a model
    computes is defined in [Semantics], what a certificate proves in [Soundness].

    Sizes that the parser bounds by a few thousand, and by which lists are walked, are [nat]. Every other
    number is an integer [Z], also where the format makes it small: numbers of a certificate are compared
    as integers first and become positions in a list only afterwards. *)

From Coq Require Import ZArith List String.
Import ListNotations.

(** A matrix of exact numbers, row by row: the entry in row [i] and column [j] is
    [nth j (nth i rows []) 0 * 2 ^ exponent]. *)
Record dyadic := Dyadic { rows : list (list Z); exponent : Z }.

(** A one-layer attention-only transformer with one head and without biases, for the task [max]. *)
Record model := Model {
  vocabulary : nat;
  outputs : nat;
  positions : nat;
  width : nat;
  head_width : nat;
  W_E : dyadic;    (* vocabulary x width *)
  W_pos : dyadic;  (* positions x width *)
  W_Q : dyadic;    (* width x head_width *)
  W_K : dyadic;    (* width x head_width *)
  W_V : dyadic;    (* width x head_width *)
  W_O : dyadic;    (* head_width x width *)
  W_U : dyadic     (* width x outputs *)
}.

Definition has_shape (A : dyadic) (m n : nat) : Prop :=
  List.length (rows A) = m /\ Forall (fun row => List.length row = n) (rows A).

(** What the parser establishes for every model that it returns, and all that soundness needs of it. *)
Record well_formed (M : model) : Prop := WellFormed {
  two_positions : 2 <= positions M;
  some_vocabulary : 1 <= vocabulary M;
  some_width : 1 <= width M;
  some_head_width : 1 <= head_width M;
  outputs_for_labels : vocabulary M <= outputs M;
  shape_W_E : has_shape (W_E M) (vocabulary M) (width M);
  shape_W_pos : has_shape (W_pos M) (positions M) (width M);
  shape_W_Q : has_shape (W_Q M) (width M) (head_width M);
  shape_W_K : has_shape (W_K M) (width M) (head_width M);
  shape_W_V : has_shape (W_V M) (width M) (head_width M);
  shape_W_O : has_shape (W_O M) (head_width M) (width M);
  shape_W_U : has_shape (W_U M) (width M) (outputs M)
}.

(** ** Certificates *)

Inductive group_rule := Levels | Enumerate.

(** A factor of a table for the rule [low_rank]: see [Factor] in [checker/certificate.py]. The hint is
    (A, H), the norm is (s, C). *)
Record factor := Factor {
  factor_matrices : nat;
  factor_hint : option (dyadic * dyadic);
  factor_norm : option (dyadic * dyadic)
}.

Inductive table_rule := Exact | LowRank (factors : list factor).

(** One step of a group's proof: see [Check] in [checker/certificate.py].
    [classes = None] is the keyword [rest]; [levels] is empty except for [Levels]. *)
Record check := Check {
  rule : group_rule;
  bits : Z;
  margin : Z;
  partition : Z;
  classes : option (list Z);
  bands : list (Z * Z);  (* runs of (how many bands, tokens in each) *)
  levels : list Z        (* how many bands are in each level *)
}.

Record group := Group {
  group_label : Z;
  first_query : Z;
  last_query : Z;
  group_correct : Z;
  checks : list check
}.

(** [partitions]: each the ascending cuts of the outputs into classes, from 0 to the number of outputs. *)
Record certificate := Certificate {
  model_sha256 : string;
  claimed_correct : Z;
  score_bits : Z;
  exponential_bits : Z;
  table_QK : table_rule;
  table_OV : table_rule;
  table_EU : table_rule;
  partitions : list (list Z);
  groups : list group
}.
