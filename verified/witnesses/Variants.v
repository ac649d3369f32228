(** * Unsound variants of the rules break their lemmas

    For each of eight typical mistakes, the lemma that the sound rule satisfies is shown to be false of the
    variant. So the lemmas say something: they are not true of any program that looks like a checker. *)

From Coq Require Import Reals ZArith List Lia Lra String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices LowRank Tables Terms
  Bands Levels Enumerate Groups Soundness.
Import ListNotations.

(** ** Rounding inward *)

Open Scope R_scope.

(** A lower bound that is rounded up ([shift_down_le] with [shift_up]). *)
Lemma rounding_up_is_no_lower_bound :
  ~ forall number shift, IZR (shift_up number shift) <= IZR number * pow2 shift.
Proof.
  intros H. specialize (H 1%Z (-1)%Z). change (shift_up 1 (-1)) with 1%Z in H.
  pose proof (pow2_opp (-1)) as E. change (- -1)%Z with 1%Z in E. change (pow2 1) with (2 * 1) in E. lra.
Qed.

(** The same for square roots ([root_up_ge] with [root_down]). *)
Lemma rounding_a_root_down_is_no_upper_bound :
  ~ forall number shift divisor, (0 < divisor)%Z ->
    IZR number * pow2 shift / sqrt (IZR divisor) <= IZR (root_down number shift divisor).
Proof.
  intros H. specialize (H 1%Z 0%Z 4%Z ltac:(lia)). change (root_down 1 0 4) with 0%Z in H.
  assert (E : sqrt 4 = 2) by (replace 4 with (2 * 2) by ring; apply sqrt_square; lra).
  rewrite pow2_0, E in H. lra.
Qed.

(** Without its last term, the start of the repeated squaring is no upper bound ([exp_near_one]). *)
Lemma exponential_needs_its_square :
  ~ forall x, 0 <= x <= 1 -> exp (- x) <= 1 - x.
Proof.
  intros H. specialize (H 1 ltac:(lra)). pose proof (exp_pos (Ropp 1)). lra.
Qed.

(** ** Forgetting the remainder of a low-rank table *)

(** [check_low_rank] without its radius. *)
Definition check_low_rank_without_radius (factors : list factor) (p : path) (product : dyadic)
  : result enclosure :=
  do Rs <- remainders factors p;
  match Rs with
  | first :: rest =>
      let value := add_scaled (-1) product (multiply_all (left_over first) rest) in
      Ok (Enclosure value value)
  | [] => Decline ""
  end.

(** [check_low_rank_sound] is false of it: with no hint at all, it says that the table is 0. *)
Lemma forgetting_the_remainder_is_unsound :
  ~ forall factors p product m n f E, denotes product m n f ->
    check_low_rank_without_radius factors p product = Ok E -> encloses_table E m n f.
Proof.
  intros H. set (one := Dyadic [[1%Z]] 0).
  assert (D : denotes one 1 1 (fun _ _ => 1)).
  { split; [split; repeat constructor|]. intros [|i] [|j] Hi Hj; try lia. unfold entry. simpl. ring. }
  destruct (H [Factor 1 None None; Factor 1 None None] [(one, 1%nat); (one, 1%nat)] one 1%nat 1%nat
              (fun _ _ => 1) _ D eq_refl) as (_ & _ & B).
  specialize (B 0%nat 0%nat ltac:(lia) ltac:(lia)). unfold entry in B. simpl in B. lra.
Qed.

(** ** Ignoring a position *)

(** A count over the rows but the first says nothing about sums with a first token ([choices_bounds]). *)
Lemma ignoring_a_position_is_unsound :
  ~ forall margin c r rows base s r0 t,
    rows_bound c r 1 rows -> bounds base c r0 -> In s (choices margin rows base) ->
    IZR margin <= r0 + sum_tokens r 0 (t :: s).
Proof.
  intros H. specialize (H 1%Z O (fun j _ => if (j =? 0)%nat then -1 else 0) [] [1%Z] [] 1 O).
  simpl in H. assert (1 <= 1 + (-1 + 0)); [|lra]. apply H; [easy|exists 1%Z; split; [easy|lra]|now left].
Qed.

(** ** Off by one *)

(** No group has one sequence more than counted ([all_counted]). *)
Lemma one_sequence_too_many M m q1 q2 labelled covers :
  ~ counted M m q1 q2 labelled covers (sequences_count M m labelled + 1).
Proof.
  intros (l & N & L & H).
  assert (Z.of_nat (List.length l) <= sequences_count M m labelled)%Z; [|lia].
  apply sequences_count_max; [easy|]. intros s Hs. now apply H.
Qed.

(** ** Forgetting an output, and letting a tie pass

    The model of zeros, all of whose logits are 0, has no correct input. *)

Definition zeros : model := {|
  vocabulary := 2; outputs := 2; positions := 2; width := 1; head_width := 1;
  W_E := Dyadic [[0]; [0]]%Z 0; W_pos := Dyadic [[0]; [0]]%Z 0;
  W_Q := Dyadic [[0]]%Z 0; W_K := Dyadic [[0]]%Z 0; W_V := Dyadic [[0]]%Z 0;
  W_O := Dyadic [[0]]%Z 0; W_U := Dyadic [[0; 0]]%Z 0
|}.

Lemma zeros_well_formed : well_formed zeros.
Proof. constructor; simpl; try lia; split; repeat constructor. Qed.

Lemma zeros_W_U x o : times 1 x (W_U zeros) o = 0.
Proof.
  unfold times, entry. simpl. destruct o as [|[|[|o]]]; simpl; ring.
Qed.

Lemma zeros_logit x o : logit zeros x o = 0.
Proof. unfold logit, moved. simpl. rewrite !zeros_W_U. ring. Qed.

Lemma zeros_never_correct x : ~ correct zeros x.
Proof.
  intros H. unfold correct in H.
  assert (E : exists o, (o < outputs zeros)%nat /\ o <> label x).
  { destruct (label x); [exists 1%nat|exists 0%nat]; simpl; split; lia. }
  destruct E as (o & Ho & N). specialize (H o Ho N). rewrite !zeros_logit in H. lra.
Qed.

Definition empty_certificate : certificate := {|
  model_sha256 := ""; claimed_correct := 0; score_bits := 8; exponential_bits := 8;
  table_QK := Exact; table_OV := Exact; table_EU := Exact; partitions := [[0; 1; 2]]%Z; groups := []
|}.

Lemma zeros_context : exists X, prepare zeros empty_certificate = Ok X.
Proof. eexists. vm_compute. reflexivity. Qed.

(** [certified_inputs] without the last test. *)
Definition certified_inputs_forgetting (X : context) (cache : gaps_cache) (g : group) : result Z :=
  let M := the_model X in
  let m := Z.to_nat (group_label g) in
  let q1 := Z.to_nat (first_query g) in
  let q2 := Z.to_nat (last_query g) in
  do r <- run_checks X cache m q1 q2 (checks g) (map (Nat.eqb m) (seq 0 (outputs M)));
  Ok (Z.max 0 ((last_query g - first_query g + 1)
               * (sequences_count M m (negb (q1 =? m)%nat) - snd r)))%Z.

(** [certified_inputs_sound] is false of it. *)
Lemma forgetting_an_output_is_unsound :
  ~ forall X cache g n, context_ok X -> cache_ok X (Z.to_nat (group_label g)) cache ->
    group_in_range (the_model X) g = true -> certified_inputs_forgetting X cache g = Ok n ->
    group_inputs (the_model X) (Z.to_nat (group_label g)) (Z.to_nat (first_query g))
      (Z.to_nat (last_query g)) n.
Proof.
  intros H. destruct zeros_context as (X & HX). apply prepare_ok in HX as [HX E]; [|apply zeros_well_formed].
  destruct (H X [] (Group 1 0 0 1 []) 1%Z) as (l & _ & L & C); try easy.
  - rewrite E. reflexivity.
  - unfold certified_inputs_forgetting. simpl. rewrite E. reflexivity.
  - destruct l as [|x l]; [simpl in L; lia|]. destruct (C x) as (_ & Cx & _); [now left|].
    rewrite E in Cx. now apply zeros_never_correct in Cx.
Qed.

(** A check with margin 0, which lets a tie pass. *)
Definition tie : check := Check Levels 8 0 0 None [(1, 1)]%Z [1]%Z.

(** [check_levels_sound] is false without its premise that the margin is at least 1. *)
Lemma letting_a_tie_pass_is_unsound :
  ~ forall M eb W m q1 q2 k G (covers : nat -> Prop) count,
    (2 <= positions M)%nat -> enclosed_weights M eb W -> (m < vocabulary M)%nat -> (q1 <= q2 <= m)%nat ->
    (0 <= bits k)%Z ->
    (forall o, covers o -> exists c, gaps_ok M (bits k) m o c G) ->
    check_levels (pascal 1) W (positions M - 1)%nat m q1 q2 k G = Ok count ->
    counted M m q1 q2 (negb (q1 =? m)%nat) covers count.
Proof.
  intros H.
  assert (HX : exists X, prepare zeros empty_certificate = Ok X /\ context_ok X /\ the_model X = zeros /\
    check_levels (pascal 1) (the_weights X) 1%nat 1%nat 0%nat 0%nat tie
      (compute_gaps (fix_tables (the_tables X) 8) 2 1 [1; 1]%nat) = Ok 1%Z).
  { destruct (prepare zeros empty_certificate) as [X|reason|reason] eqn:P;
      [|vm_compute in P; discriminate..].
    exists X. split; [easy|].
    split; [now apply (prepare_ok zeros empty_certificate); [apply zeros_well_formed|]|].
    vm_compute in P. injection P as <-. split; vm_compute; reflexivity. }
  destruct HX as (X & _ & HX & E & Hcount). pose proof (context_tables_ok X HX) as HT.
  destruct (context_weights_ok X HX) as (eb & HW). rewrite E in HT, HW.
  destruct (H zeros eb (the_weights X) 1%nat O O tie
    (compute_gaps (fix_tables (the_tables X) 8) 2 1 [1; 1]%nat) (fun o => o = O) 1%Z) as (l & N & L & C);
    try exact Hcount; try easy; try (simpl; lia).
  - intros o ->. exists O. apply compute_gaps_ok; simpl; try lia; try easy.
    + apply zeros_well_formed.
    + now apply fix_tables_ok.
  - destruct l as [|s l]; [simpl in L; lia|]. destruct (C s) as [(Ls & _ & _) B]; [now left|].
    specialize (B O O ltac:(lia) eq_refl).
    apply scaled_margin in B; [|simpl; lia|easy]. rewrite !zeros_logit in B. lra.
Qed.
