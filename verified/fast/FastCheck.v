(** * The check of a certificate, by fast integers

    The functions of [Groups] and [Soundness], as [BigIntegers] says; but what [fast_claims] computes is only
    the number, or that the certificate is refused. *)

From Coq Require Import ZArith List Bool.
From Bignums Require Import BigZ.
From CompactProofs Require Import Syntax Semantics Outcome Tables Terms Bands Levels Enumerate Groups Soundness
  BigIntegers FastTables FastTerms FastRules.
Import ListNotations.
Open Scope Z_scope.

(** As [context]. *)
Record fast_context := FastContext {
  of_model : model;
  of_tables : fast_tables;
  of_weights : fast_weights;
  of_fixed : list (Z * fast_fixed_tables);
  of_pascal : list (list int);
  of_widths : list (list nat)
}.

Definition fast_gaps_for (F : fast_context) (m : nat) (key : Z * Z) : fast_gaps :=
  fast_compute_gaps (recall Z.eqb (fast_fix_tables (of_tables F)) (of_fixed F) (fst key))
    (positions (of_model F)) m (nth (Z.to_nat (snd key)) (of_widths F) []).

Definition fast_gaps_cache := list ((Z * Z) * fast_gaps).

Definition fast_rule_function (F : fast_context) (r : group_rule) : fast_rule :=
  match r with
  | Levels => fast_check_levels (of_pascal F)
  | Enumerate => fast_check_enumerate
  end.

Definition fast_run_check (F : fast_context) (cache : fast_gaps_cache) (m q1 q2 : nat) (k : check)
  (covered : list bool) : option (list bool * Z) :=
  if negb ((0 <=? partition k) && (partition k <? Z.of_nat (List.length (of_widths F)))
           && (0 <=? bits k) && (1 <=? margin k))%bool then None
  else
    let widths := nth (Z.to_nat (partition k)) (of_widths F) [] in
    let chosen := choose widths 0 0 m (classes k) covered in
    if existsb (fun b => b) chosen then
      let G := recall same_key (fast_gaps_for F m) cache (bits k, partition k) in
      try count <- fast_rule_function F (rule k) (of_weights F) (others (of_model F)) m q1 q2 k
                     (fast_select_gaps chosen G);
      Some (mark widths chosen covered, sequences_count (of_model F) m (negb (q1 =? m)%nat) - value count)
    else Some (covered, 0).

Fixpoint fast_run_checks (F : fast_context) (cache : fast_gaps_cache) (m q1 q2 : nat) (ks : list check)
  (covered : list bool) : option (list bool * Z) :=
  match ks with
  | [] => Some (covered, 0)
  | k :: rest =>
      try r <- fast_run_check F cache m q1 q2 k covered;
      try r' <- fast_run_checks F cache m q1 q2 rest (fst r);
      Some (fst r', snd r + snd r')
  end.

Definition fast_certified_inputs (F : fast_context) (cache : fast_gaps_cache) (g : group) : option Z :=
  let M := of_model F in
  let m := Z.to_nat (group_label g) in
  let q1 := Z.to_nat (first_query g) in
  let q2 := Z.to_nat (last_query g) in
  try r <- fast_run_checks F cache m q1 q2 (checks g) (map (Nat.eqb m) (seq 0 (outputs M)));
  if forallb (fun b => b) (fst r) then
    Some (Z.max 0 ((last_query g - first_query g + 1)
                   * (sequences_count M m (negb (q1 =? m)%nat) - snd r)))
  else None.

Definition fast_prepare (M : model) (C : certificate) : option fast_context :=
  if negb ((0 <=? exponential_bits C) && (score_bits C <=? exponential_bits C + 16))%bool then None
  else
    try T <- fast_enclose_tables M C;
    let every_bits := flat_map (fun g => map bits (checks g)) (groups C) in
    Some (FastContext M T (fast_enclose_weights M C T) (memo Z.eqb (fast_fix_tables T) every_bits)
            (map (map fast) (pascal (others M))) (map widths_of (partitions C))).

Definition fast_cache_for (F : fast_context) (gs : list group) (g : group) (cached : Z * fast_gaps_cache)
  : Z * fast_gaps_cache :=
  if group_label g =? fst cached then cached
  else (group_label g,
        memo same_key (fast_gaps_for F (Z.to_nat (group_label g))) (keys_of_label (group_label g) gs)).

Fixpoint fast_check_groups (F : fast_context) (gs : list group) (done : Z * Z) (cached : Z * fast_gaps_cache)
  : option Z :=
  match gs with
  | [] => Some 0
  | g :: rest =>
      if negb (after (group_label g, first_query g) done) then None
      else if negb (group_in_range (of_model F) g) then None
      else
        let cached' := fast_cache_for F gs g cached in
        try n <- fast_certified_inputs F (snd cached') g;
        if n <? group_correct g then None
        else
          try total <- fast_check_groups F rest (group_label g, last_query g) cached';
          Some (group_correct g + total)
  end.

(** The number of correct inputs that the certificate proves. *)
Definition fast_claims (M : model) (C : certificate) : option Z :=
  match groups C with
  | [] => if claimed_correct C =? 0 then Some 0 else None
  | _ =>
      try F <- fast_prepare M C;
      try n <- fast_check_groups F (groups C) (-1, -1) (-1, []);
      if claimed_correct C =? n then Some n else None
  end.

(** ** It computes the same *)

Record same_context (F : fast_context) (X : context) : Prop := SameContext {
  same_model : of_model F = the_model X;
  same_weights : weights_of (of_weights F) = the_weights X;
  same_fixed : forall b, fixed_tables_of (recall Z.eqb (fast_fix_tables (of_tables F)) (of_fixed F) b)
                         = recall Z.eqb (fix_tables (the_tables X)) (fixed_cache X) b;
  same_pascal : value_rows (of_pascal F) = pascal_table X;
  same_widths : of_widths F = class_widths X
}.

Definition same_gaps (F : fast_context) (X : context) (m : nat) (cache : fast_gaps_cache) (cache' : gaps_cache)
  : Prop :=
  forall key, gaps_of (recall same_key (fast_gaps_for F m) cache key) = recall same_key (gaps_for X m) cache' key.

Lemma fast_gaps_for_value F X m key : same_context F X -> gaps_of (fast_gaps_for F m key) = gaps_for X m key.
Proof.
  intros []. unfold fast_gaps_for, gaps_for.
  now rewrite fast_compute_gaps_value, same_model0, same_fixed0, same_widths0.
Qed.

Lemma fast_rule_function_value F X r : same_context F X -> computes (fast_rule_function F r) (rule_function X r).
Proof.
  intros []. destruct r; [now apply fast_check_levels_value|exact fast_check_enumerate_value].
Qed.

Lemma option_map_id {A} (o : option A) : option_map (fun a => a) o = o.
Proof. now destruct o. Qed.

(** As [bind_through], where what is bound is the same. *)
Lemma bind_equal {A B} (o : option A) (r : result A) (k : A -> option B) k' :
  o = accepted r -> (forall a, k a = accepted (k' a)) -> bind_option o k = accepted (bind r k').
Proof. intros -> K. destruct r; simpl; [apply K|easy..]. Qed.

Lemma fast_run_check_value F X m cache cache' q1 q2 k covered :
  same_context F X -> same_gaps F X m cache cache' ->
  fast_run_check F cache m q1 q2 k covered = accepted (run_check X cache' m q1 q2 k covered).
Proof.
  intros S G. pose proof (fast_rule_function_value F X (rule k) S) as R. destruct S.
  unfold fast_run_check, run_check. rewrite same_model0, same_widths0.
  destruct (negb _); [easy|]. destruct (existsb _ _); [|easy].
  set (chosen := choose _ _ _ _ _ _).
  specialize (R (of_weights F) (others (the_model X)) m q1 q2 k
    (fast_select_gaps chosen (recall same_key (fast_gaps_for F m) cache (bits k, partition k)))).
  rewrite same_weights0, fast_select_gaps_value, G in R.
  destruct (fast_rule_function _ _ _ _ _ _ _ _ _), (rule_function _ _ _ _ _ _ _ _ _); try discriminate;
    [|easy..].
  injection R as R. simpl. now rewrite R.
Qed.

Lemma fast_run_checks_value F X m cache cache' q1 q2 ks : same_context F X -> same_gaps F X m cache cache' ->
  forall covered,
  fast_run_checks F cache m q1 q2 ks covered = accepted (run_checks X cache' m q1 q2 ks covered).
Proof.
  intros S G. induction ks as [|k ks IH]; intros covered; [easy|]. cbn [fast_run_checks run_checks].
  apply bind_equal; [now apply fast_run_check_value|]. intros r. now apply bind_equal.
Qed.

Lemma fast_certified_inputs_value F X cache cache' g : same_context F X ->
  same_gaps F X (Z.to_nat (group_label g)) cache cache' ->
  fast_certified_inputs F cache g = accepted (certified_inputs X cache' g).
Proof.
  intros S G. unfold fast_certified_inputs, certified_inputs.
  rewrite (same_model _ _ S).
  apply bind_equal; [now apply fast_run_checks_value|]. intros r. now destruct (forallb _ _).
Qed.

Lemma fast_prepare_value M C F : fast_prepare M C = Some F ->
  exists X, prepare M C = Ok X /\ same_context F X.
Proof.
  unfold fast_prepare, prepare. destruct (negb _); [discriminate|].
  pose proof (fast_enclose_tables_value M C) as E.
  destruct (fast_enclose_tables M C) as [T|]; [|discriminate].
  destruct (enclose_tables M C) as [T'| |]; try discriminate. injection E as <-.
  intros [= <-]. eexists. split; [reflexivity|].
  constructor; cbn [of_model of_tables of_weights of_fixed of_pascal of_widths
    the_model the_tables the_weights fixed_cache pascal_table class_widths]; try easy.
  - apply fast_enclose_weights_value.
  - intros b. rewrite !recall_memo by exact z_eqb_eq. apply fast_fix_tables_value.
  - apply value_rows_fast.
Qed.

Lemma fast_cache_for_value F X gs g cached cached' : same_context F X -> fst cached = fst cached' ->
  same_gaps F X (Z.to_nat (fst cached)) (snd cached) (snd cached') ->
  fst (fast_cache_for F gs g cached) = group_label g /\
  fst (cache_for X gs g cached') = group_label g /\
  same_gaps F X (Z.to_nat (group_label g)) (snd (fast_cache_for F gs g cached))
    (snd (cache_for X gs g cached')).
Proof.
  intros S E G. unfold fast_cache_for, cache_for. rewrite <- E.
  destruct (group_label g =? fst cached) eqn:L; cbn [fst snd].
  - apply Z.eqb_eq in L. rewrite L. now repeat split.
  - repeat split. intros key. rewrite !recall_memo by exact same_key_eq. now apply fast_gaps_for_value.
Qed.

Lemma fast_check_groups_value F X gs : same_context F X -> forall done cached cached',
  fst cached = fst cached' -> same_gaps F X (Z.to_nat (fst cached)) (snd cached) (snd cached') ->
  fast_check_groups F gs done cached = accepted (snd (check_groups X gs done cached')).
Proof.
  intros S. induction gs as [|g gs IH]; intros done cached cached' E G; [easy|].
  cbn [fast_check_groups check_groups]. rewrite (same_model _ _ S).
  destruct (negb (after _ _)); [easy|]. destruct (negb (group_in_range _ _)); [easy|].
  destruct (fast_cache_for_value F X (g :: gs) g cached cached' S E G) as (L & L' & G').
  rewrite (fast_certified_inputs_value F X _ _ g S G').
  destruct (certified_inputs _ _ _) as [n| |]; simpl; [|easy..].
  destruct (n <? group_correct g); [easy|].
  rewrite (IH _ _ (cache_for X (g :: gs) g cached')); [|congruence|now rewrite L].
  destruct (check_groups X gs _ _) as [found [total| |]]; easy.
Qed.

Theorem fast_claims_sound M C N :
  fast_claims M C = Some N -> check_claims M C = Accepted N (number_of_inputs M).
Proof.
  unfold fast_claims, check_claims, examine. intros H. destruct (groups C) as [|g gs] eqn:E.
  - cbn [snd]. destruct (claimed_correct C =? 0); [|discriminate]. now injection H as <-.
  - rewrite <- E in *. destruct (fast_prepare M C) as [F|] eqn:P; [|discriminate].
    apply fast_prepare_value in P as (X & -> & S). simpl in H.
    rewrite (fast_check_groups_value F X _ S _ _ (-1, [])) in H; [|easy|].
    2:{ intros key. now apply fast_gaps_for_value. }
    destruct (check_groups X (groups C) (-1, -1) (-1, [])) as [found [n| |]]; try discriminate.
    simpl in H. cbn [snd]. destruct (claimed_correct C =? n); [|discriminate]. now injection H as <-.
Qed.
