(** * What the group rules have in common

    Bands of tokens, and what it means for a rule to have counted sequences; mirrors
    [checker/rules/group_rule.py], and [position_bounds] of [checker/rules/enumerate.py]. A sequence holds the
    tokens of all positions but the last. *)

From Coq Require Import Reals ZArith List Lia Lra String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Tables Terms.
Import ListNotations.
Open Scope Z_scope.

(** ** Bands *)

(** The number of tokens in each band. *)
Definition band_sizes (runs : list (Z * Z)) (m : nat) : result (list nat) :=
  if negb (forallb (fun run => (0 <? fst run) && (0 <? snd run))%bool runs) then Decline "empty bands"
  else if total (fun run => fst run * snd run) runs <=? Z.of_nat m then
    Ok (flat_map (fun run => repeat (Z.to_nat (snd run)) (Z.to_nat (fst run))) runs)
  else Reject "expected bands of tokens below the label".

(** Letters for bands of the given sizes. *)
Definition letters_of (vs : list vector) (sizes : list nat) : list letter :=
  zip_with (fun v size => (v, Z.of_nat size)) vs sizes.

Lemma list_sum_repeat w k : list_sum (repeat w k) = (k * w)%nat.
Proof. induction k; simpl; lia. Qed.

Lemma band_sizes_sum runs m sizes : band_sizes runs m = Ok sizes -> (list_sum sizes <= m)%nat.
Proof.
  unfold band_sizes. destruct (negb _) eqn:F; [discriminate|]. destruct (_ <=? _) eqn:E; [|discriminate].
  intros H. injection H as <-. apply Z.leb_le in E. apply negb_false_iff in F.
  enough (Z.of_nat (list_sum (flat_map (fun run => repeat (Z.to_nat (snd run)) (Z.to_nat (fst run))) runs))
          = total (fun run => fst run * snd run) runs) by lia.
  clear E m. induction runs as [|[c w] runs IH]; cbn [flat_map total forallb fst snd] in *; [easy|].
  apply andb_true_iff in F as [F1 F2]. apply andb_true_iff in F1 as [F0 F1]. apply Z.ltb_lt in F0, F1.
  rewrite list_sum_app, list_sum_repeat, Nat2Z.inj_add, Nat2Z.inj_mul, IH by easy.
  rewrite !Z2Nat.id by lia. ring.
Qed.

Lemma in_class_lt sizes : forall i t, in_class sizes i t -> (t < list_sum sizes)%nat.
Proof.
  induction sizes as [|w sizes IH]; intros [|i] t H; simpl in *; try easy; [lia|].
  destruct H as [H1 H2]. apply IH in H2. lia.
Qed.

Lemma letters_of_nonneg vs : forall sizes, sizes_nonneg (letters_of vs sizes).
Proof.
  unfold sizes_nonneg, letters_of.
  induction vs as [|v vs IH]; intros [|w sizes]; simpl; constructor; [simpl; lia|apply IH].
Qed.

(** A token of a letter belongs to that letter's band. *)
Lemma expand_in vs : forall sizes start t v, In (t, v) (expand start (letters_of vs sizes)) ->
  (start <= t)%nat /\ exists i, in_class sizes i (t - start) /\ nth_error vs i = Some v.
Proof.
  induction vs as [|v0 vs IH]; intros [|w sizes] start t v H; simpl in H; try easy.
  rewrite Nat2Z.id in H. apply in_app_or in H as [H|H].
  - apply in_map_iff in H as (t' & E & H). injection E as -> ->. apply in_seq in H.
    split; [lia|]. exists O. simpl. split; [lia|easy].
  - apply IH in H as (H & i & Hi & E). split; [lia|]. exists (S i). simpl.
    split; [|easy]. split; [lia|]. now replace (t - start - w)%nat with (t - (start + w))%nat by lia.
Qed.

Lemma expand_nodup row : forall start, NoDup (map fst (expand start row)) /\
  forall t, In t (map fst (expand start row)) -> (start <= t)%nat.
Proof.
  induction row as [|[v size] row IH]; intros start; simpl; [split; [constructor|easy]|].
  destruct (IH (start + Z.to_nat size)%nat) as [N L].
  assert (E : map fst (map (fun t : nat => (t, v)) (seq start (Z.to_nat size)) ++ expand (start + Z.to_nat
    size) row)
            = seq start (Z.to_nat size) ++ map fst (expand (start + Z.to_nat size) row)).
  { rewrite map_app, map_map. simpl. now rewrite map_id. }
  rewrite E. split.
  - apply nodup_app; [apply seq_NoDup|easy|]. intros t H H'. apply in_seq in H. apply L in H'. lia.
  - intros t H. apply in_app_or in H as [H|H]; [apply in_seq in H; lia|apply L in H; lia].
Qed.

(** ** What a count of sequences proves *)

(** All terms of the sequence [s] followed by [q] add up to more than 0 for the output [o]. *)
Definition beats (M : model) (q m o : nat) (s : list nat) : Prop :=
  (0 < sum_tokens (term M q m o) 0 s + term M q m o (positions M - 1)%nat q)%R.

(** The sequences of a group: tokens up to the label [m], which occurs if [labelled]. *)
Definition is_sequence (others m : nat) (labelled : bool) (s : list nat) : Prop :=
  List.length s = others /\ Forall (fun t => (t <= m)%nat) s /\ (labelled = true -> In m s).

(** At least [count] sequences beat the outputs that are covered, with any last token from [q1] to [q2]. *)
Definition counted (M : model) (m q1 q2 : nat) (labelled : bool) (covers : nat -> Prop) (count : Z) : Prop :=
  exists l, NoDup l /\ count <= Z.of_nat (List.length l) /\
  forall s, In s l -> is_sequence (positions M - 1) m labelled s /\
    forall q o, (q1 <= q <= q2)%nat -> covers o -> beats M q m o s.

(** The tokens of a position: the label, and those of the letters. *)
Definition token_row (m : nat) (p : spot) : list bounded_token := (m, fst p) :: expand 0 (snd p).

Definition spot_ok (m : nat) (p : spot) : Prop :=
  sizes_nonneg (snd p) /\ forall t, In t (map fst (expand 0 (snd p))) -> (t < m)%nat.

Lemma sum_tokens_scale (u : R) (r : nat -> nat -> R) s : forall first,
  sum_tokens (fun j t => (u * r j t)%R) first s = (u * sum_tokens r first s)%R.
Proof. induction s as [|t s IH]; intros first; simpl; [ring|]. rewrite IH. ring. Qed.

Lemma with_label_spots m spots :
  with_label m (map fst spots) (map (fun p => expand 0 (snd p)) spots) = map (token_row m) spots.
Proof. induction spots as [|p spots IH]; simpl; [easy|]. now rewrite <- IH. Qed.

Lemma counted_from_spots M m q1 q2 (labelled : bool) (covers : nat -> Prop) margin spots base count :
  1 <= margin -> List.length spots = (positions M - 1)%nat -> Forall (spot_ok m) spots ->
  count <= count_sums margin (map add_label spots) base
           - (if labelled then count_sums margin (map snd spots) base else 0) ->
  (forall q o, (q1 <= q <= q2)%nat -> covers o -> exists c u, (0 < u)%R /\
     bounds base c (u * term M q m o (positions M - 1) q) /\
     rows_bound c (fun j t => u * term M q m o j t)%R 0 (map (token_row m) spots)) ->
  counted M m q1 q2 labelled covers count.
Proof.
  intros Hm Hlen Hok Hcount Hbounds.
  set (rows := map (fun p => expand 0 (snd p)) spots).
  assert (S1 : Forall2 stands_for (map add_label spots) (map (token_row m) spots)).
  { clear - Hok. induction Hok as [|p spots [Hp _] _ IH]; simpl; constructor; [|easy].
    apply stands_for_cons, expand_stands_for, Hp. }
  assert (S2 : Forall2 stands_for (map snd spots) rows).
  { unfold rows. clear - Hok. induction Hok as [|p spots [Hp _] _ IH]; simpl; constructor; [|easy].
    apply expand_stands_for, Hp. }
  rewrite (count_sums_choices _ _ _ S1), (count_sums_choices _ _ _ S2) in Hcount.
  assert (N1 : Forall (fun row => NoDup (map fst row)) (map (token_row m) spots)).
  { apply Forall_map. eapply Forall_impl; [|exact Hok]. intros p [Hp Hlt]. unfold token_row. simpl.
    constructor; [|apply expand_nodup]. intros H. apply Hlt in H. lia. }
  assert (N2 : Forall (fun row => NoDup (map fst row)) rows).
  { unfold rows. apply Forall_map, Forall_forall. intros p _. apply expand_nodup. }
  assert (All : forall s, In s (choices margin (map (token_row m) spots) base) ->
            List.length s = (positions M - 1)%nat /\ Forall (fun t => (t <= m)%nat) s /\
            forall q o, (q1 <= q <= q2)%nat -> covers o -> beats M q m o s).
  { intros s Hs. pose proof (choices_tokens _ _ _ _ Hs) as T. split; [|split].
    - rewrite <- Hlen, <- (map_length (token_row m)). clear - T. induction T; simpl; lia.
    - clear - T Hok. revert s T.
      induction Hok as [|p spots [_ Hlt] _ IH]; intros s T; inversion T as [|t row s' rows' H H' E E'];
        subst; constructor; [|now apply IH].
      destruct H as [<-|H]; [easy|]. apply Hlt in H. lia.
    - intros q o Hq Ho. destruct (Hbounds q o Hq Ho) as (c & u & Hu & B & R).
      pose proof (choices_bounds margin c _ _ O base s _ R B Hs) as Hsum.
      rewrite sum_tokens_scale in Hsum. apply IZR_le in Hm. unfold beats.
      apply Rmult_lt_reg_l with u; [easy|]. rewrite Rmult_0_r. lra. }
  destruct labelled.
  - rewrite <- with_label_spots in N1, Hcount. fold rows in N1, Hcount.
    destruct (count_with_label margin m (map fst spots) rows base) as [N C]; [|easy|easy|].
    { unfold rows. now rewrite !map_length. }
    unfold rows in N, C. rewrite with_label_spots in N, C. fold rows in N, C.
    unfold rows in Hcount. rewrite with_label_spots in Hcount. fold rows in Hcount.
    eexists. split; [exact N|]. split; [lia|].
    intros s Hs. apply filter_In in Hs as [Hs O]. apply occurs_In in O.
    destruct (All s Hs) as (A & B & C'). now repeat split.
  - exists (choices margin (map (token_row m) spots) base).
    split; [now apply choices_nodup|]. split; [lia|].
    intros s Hs. destruct (All s Hs) as (A & B & C'). now repeat split.
Qed.

(** ** Results of lists *)

Fixpoint map_result {A B} (f : A -> result B) (l : list A) : result (list B) :=
  match l with
  | [] => Ok []
  | a :: rest => do b <- f a; do bs <- map_result f rest; Ok (b :: bs)
  end.

Lemma map_result_ok {A B} (f : A -> result B) l : forall bs, map_result f l = Ok bs ->
  (forall a, In a l -> exists b, In b bs /\ f a = Ok b) /\
  (forall b, In b bs -> exists a, In a l /\ f a = Ok b).
Proof.
  induction l as [|a l IH]; intros bs H; simpl in H.
  - injection H as <-. easy.
  - apply bind_ok in H as (b & Hb & H). apply bind_ok in H as (bs' & Hbs & H). injection H as <-.
    destruct (IH _ Hbs) as [I1 I2]. split.
    + intros x [<-|Hx]; [exists b; split; [now left|easy]|].
      destruct (I1 x Hx) as (y & Hy & E). exists y. split; [now right|easy].
    + intros y [<-|Hy]; [exists a; split; [now left|easy]|].
      destruct (I2 y Hy) as (x & Hx & E). exists x. split; [now right|easy].
Qed.

(** ** Bounds of one query, each token at each position by itself *)

(** The bound of the last position's term, and for every other position the bounds of the label and of the
    bands: the least over the tokens of a band. *)
Definition position_bounds (w : query_weights) (b : Z) (others m q : nat) (sizes : list nat) (G : gaps)
  : vector * list spot :=
  let gap := map (vector_add (nth q (gap_EU G) [])) (gap_OV G) in
  let spot_at j :=
    let at_position := nth j (gap_positions G) [] in
    let terms := zip_with (fun interval g => interval_product b interval (vector_add g at_position))
                   (weights_at w b j (S m)) gap in
    (nth m terms [], letters_of (map vector_least (segments sizes terms)) sizes) in
  (last_term w b others q G, map spot_at (seq 0 others)).

Lemma rows_bound_seq {A} c r (row : A -> list bounded_token) (f : nat -> A) : forall len first,
  (forall j t v, (first <= j < first + len)%nat -> In (t, v) (row (f j)) -> bounds v c (r j t)) ->
  rows_bound c r first (map row (map f (seq first len))).
Proof.
  induction len as [|len IH]; intros first H; simpl; [easy|]. split.
  - intros t v Hv. apply H; [lia|easy].
  - apply IH. intros j t v Hj. apply H. lia.
Qed.

Lemma rows_bound_ext c r r' rows : forall first, (forall j t, r j t = r' j t) ->
  rows_bound c r first rows -> rows_bound c r' first rows.
Proof.
  induction rows as [|row rows IH]; intros first E; simpl; [easy|]. intros [H H']. split; [|auto].
  intros t v Hv. rewrite <- E. auto.
Qed.

(** The bounds of a band's tokens, where every token has one. *)
Lemma band_least_bounds sizes i (terms : list vector) v c r t :
  nth_error (map vector_least (segments sizes terms)) i = Some v -> in_class sizes i t ->
  (forall t' u, nth_error terms t' = Some u -> (t' < list_sum sizes)%nat -> exists r', bounds u c r') ->
  (exists u, nth_error terms t = Some u /\ bounds u c r) -> bounds v c r.
Proof.
  intros E Hi All (u & Eu & Bu).
  destruct (segments_in _ _ _ _ _ Hi Eu) as (segment & Es & Hu).
  assert (v = vector_least segment) as ->.
  { rewrite (map_nth_error _ _ _ Es) in E. now injection E. }
  apply vector_least_bounds; [|now exists u].
  intros u' Hu'. destruct (segments_from _ _ _ _ _ Es Hu') as (t' & Ht' & E').
  apply (All t' u' E'). eapply in_class_lt; eauto.
Qed.

Lemma position_bounds_ok M b q m o c w G sizes :
  (2 <= positions M)%nat -> (m < vocabulary M)%nat -> (q <= m)%nat -> (list_sum sizes <= m)%nat ->
  query_weights_ok M b q m w -> gaps_ok M b m o c G ->
  let '(base, spots) := position_bounds w b (positions M - 1) m q sizes G in
  bounds base c (pow2 b * term M q m o (positions M - 1) q) /\
  rows_bound c (fun j t => pow2 b * term M q m o j t)%R 0 (map (token_row m) spots).
Proof.
  intros Hn Hm Hq Hsizes Hw HG. unfold position_bounds.
  split; [apply last_term_ok; try easy; lia|].
  apply rows_bound_seq. intros j t v Hj Hv.
  set (terms := zip_with _ _ _) in Hv.
  assert (T : forall t', (t' <= m)%nat ->
            exists u, nth_error terms t' = Some u /\ bounds u c (pow2 b * term M q m o j t')).
  { intros t' Ht'.
    destruct (weights_at_ok M b q m w j t' (S m) Hw) as (interval & Ei & I); [lia..|].
    destruct HG as [HE HO HP].
    destruct (HE q Hq) as (v1 & E1 & B1). destruct (HO t' Ht') as (v2 & E2 & B2).
    destruct (HP j ltac:(lia)) as (v3 & E3 & B3).
    eexists. split.
    - unfold terms. apply nth_error_zip; [exact Ei|]. apply map_nth_error. exact E2.
    - cbn beta. unfold term. apply interval_product_ok; [apply weight_nonneg|easy|].
      rewrite (@nth_error_nth vector _ _ _ [] E1), (@nth_error_nth vector _ _ _ [] E3).
      rewrite !Rmult_plus_distr_l. now repeat apply bounds_add. }
  destruct Hv as [Hv|Hv].
  - injection Hv as <- <-. destruct (T m ltac:(lia)) as (u & E & B). cbn [fst].
    now rewrite (@nth_error_nth vector _ _ _ [] E).
  - cbn [snd] in Hv. apply expand_in in Hv as (_ & i & Hi & Ev). rewrite Nat.sub_0_r in Hi.
    pose proof (in_class_lt _ _ _ Hi) as Ht.
    eapply band_least_bounds; [exact Ev|exact Hi| |apply T; lia].
    intros t' u Eu Ht'. destruct (T t' ltac:(lia)) as (u' & Eu' & B).
    assert (u' = u) as -> by congruence. eauto.
Qed.

Lemma position_bounds_spots_ok w b others m q sizes G : (list_sum sizes <= m)%nat ->
  let spots := snd (position_bounds w b others m q sizes G) in
  List.length spots = others /\ Forall (spot_ok m) spots.
Proof.
  intros Hs. unfold position_bounds; cbn [snd]. split; [now rewrite map_length, seq_length|].
  apply Forall_map, Forall_forall. intros j _. split; cbn [snd]; [apply letters_of_nonneg|].
  intros t Ht. apply in_map_iff in Ht as ([t' v] & <- & Ht). cbn [fst].
  apply expand_in in Ht as (_ & i & Hi & _). apply in_class_lt in Hi. lia.
Qed.

(** ** Rules

    A rule gets the weights, the number of positions but the last, the label, the first and the last query,
    the check, and the gaps of the classes that the check covers. It counts sequences for each query. *)

Definition group_rule_function := weights -> nat -> nat -> nat -> nat -> check -> gaps -> result Z.

Definition rule_sound (f : group_rule_function) : Prop :=
  forall M eb W m q1 q2 k G (covers : nat -> Prop) count,
  (2 <= positions M)%nat -> enclosed_weights M eb W -> (m < vocabulary M)%nat -> (q1 <= q2 <= m)%nat ->
  0 <= bits k -> 1 <= margin k ->
  (forall o, covers o -> exists c, gaps_ok M (bits k) m o c G) ->
  f W (positions M - 1)%nat m q1 q2 k G = Ok count ->
  counted M m q1 q2 (negb (q1 =? m)%nat) covers count.
