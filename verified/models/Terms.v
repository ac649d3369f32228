(** * Bounds of the terms of the scaled margin

    Mirrors [checker/models/terms.py]. Fix the last token [q], the label [m] and an output [o]; the scaled margin
    of an input is a sum of terms [term q m o j t] that depend on one position [j] and its token [t] only. *)

From Coq Require Import Reals ZArith List Lia Lra String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Tables.
Import ListNotations.
Open Scope Z_scope.

(** ** Classes of neighbouring outputs, bands of neighbouring tokens *)

(** [l] cut into pieces of the given widths. *)
Fixpoint segments {A} (widths : list nat) (l : list A) : list (list A) :=
  match widths with
  | [] => []
  | w :: rest => firstn w l :: segments rest (skipn w l)
  end.

(** Item [o] is in piece [c]. *)
Fixpoint in_class (widths : list nat) (c o : nat) : Prop :=
  match widths, c with
  | [], _ => False
  | w :: _, O => (o < w)%nat
  | w :: rest, S c' => (w <= o)%nat /\ in_class rest c' (o - w)
  end.

(** The items of [l] that are chosen. *)
Fixpoint select {A} (chosen : list bool) (l : list A) : list A :=
  match chosen, l with
  | b :: chosen', a :: l' => if b then a :: select chosen' l' else select chosen' l'
  | _, _ => []
  end.

(** The place that item [c] has among the chosen ones. *)
Fixpoint rank (chosen : list bool) (c : nat) : nat :=
  match chosen, c with
  | b :: chosen', S c' => if b then S (rank chosen' c') else rank chosen' c'
  | _, _ => O
  end.

(** ** Gaps: lower bounds of D, V and P, class by class of outputs *)

(** The row with the label's entry left out. *)
Fixpoint hole (m : nat) (row : list Z) : list (option Z) :=
  match row, m with
  | [], _ => []
  | _ :: rest, O => None :: map Some rest
  | x :: rest, S m' => Some x :: hole m' rest
  end.

(** The greatest entry that is not left out; 0 if there is none. *)
Fixpoint greatest_from (best : Z) (l : list (option Z)) : Z :=
  match l with
  | [] => best
  | None :: rest => greatest_from best rest
  | Some x :: rest => greatest_from (Z.max best x) rest
  end.

Fixpoint greatest (l : list (option Z)) : Z :=
  match l with
  | [] => 0
  | None :: rest => greatest rest
  | Some x :: rest => greatest_from x rest
  end.

(** For the first [count] rows, the lower bound at the label minus the greatest upper bound of each class. *)
Definition label_gaps (T : fixed_table) (count m : nat) (widths : list nat) : list vector :=
  zip_with (fun low high =>
              let at_label := nth m low 0 in
              map (fun class => at_label - greatest class) (segments widths (hole m high)))
           (firstn count (fst T)) (snd T).

(** [gap_EU] by query and [gap_OV] by token, up to the label; [gap_positions] by position. *)
Record gaps := Gaps { gap_EU : list vector; gap_OV : list vector; gap_positions : list vector }.

Definition compute_gaps (F : fixed_tables) (n m : nat) (widths : list nat) : gaps :=
  Gaps (label_gaps (fixed_EU F) (S m) m widths) (label_gaps (fixed_OV F) (S m) m widths)
       (label_gaps (fixed_positions F) n m widths).

Definition select_gaps (chosen : list bool) (G : gaps) : gaps :=
  Gaps (map (select chosen) (gap_EU G)) (map (select chosen) (gap_OV G))
       (map (select chosen) (gap_positions G)).

(** ** Weights, relative to the label at the position of the greatest factor *)

(** What is known of one query and label: bounds of the label's weight, and the factors. *)
Record query_weights := QueryWeights {
  least_label : Z;
  most_label : Z;
  label_factor : Z;
  tokens_low : list Z;
  tokens_high : list Z;
  positions_low : list Z;
  positions_high : list Z
}.

(** [others] is the number of positions before the last. *)
Definition query_weights_of (W : weights) (others q m : nat) : result query_weights :=
  let tl := nth q (fst (token_factors W)) [] in
  let th := nth q (snd (token_factors W)) [] in
  let pl := nth q (fst (position_factors W)) [] in
  let ph := nth q (snd (position_factors W)) [] in
  let low := nth m tl 0 in
  let place := list_max (firstn others pl) in
  if (low <=? 0) || (place <=? 0) then Reject "the label's weight may be zero"
  else Ok (QueryWeights (low * place) (nth m th 0 * list_max (firstn others ph)) low tl th pl ph).

(** A lower and an upper bound of the weight of a token with factors from [tl] to [th] at a position with
    factors from [pl] to [ph], in fixed point of [b] bits. *)
Definition weight_interval (w : query_weights) (b tl th pl ph : Z) : Z * Z :=
  (Z.shiftl (tl * pl) b / most_label w, divide_up (Z.shiftl (th * ph) b) (least_label w)).

(** Bounds of the weights of the first [count] tokens at position [j]. *)
Definition weights_at (w : query_weights) (b : Z) (j count : nat) : list (Z * Z) :=
  let pl := nth j (positions_low w) 0 in
  let ph := nth j (positions_high w) 0 in
  zip_with (fun tl th => weight_interval w b tl th pl ph) (firstn count (tokens_low w)) (tokens_high w).

(** A lower bound of the label's weight at all positions but the last; 1 is an upper bound. *)
Definition label_low (w : query_weights) (b : Z) (others : nat) : Z :=
  Z.shiftl (list_min (firstn others (positions_low w))) b / list_max (firstn others (positions_high w)).

(** Upper bounds of the weights of the tokens of each band at all positions but the last. *)
Definition band_weights (w : query_weights) (b : Z) (sizes : list nat) : list Z :=
  map (fun band => divide_up (Z.shiftl (list_max band) b) (label_factor w)) (segments sizes (tokens_high w)).

(** A lower bound of weight * gap for every weight in an interval. *)
Definition interval_product (b : Z) (interval : Z * Z) (gap : vector) : vector :=
  map (fun g => Z.min (Z.shiftr (fst interval * g) b) (Z.shiftr (snd interval * g) b)) gap.

(** The same where 0 is the least weight. *)
Definition product_from_zero (b weight : Z) (gap : vector) : vector :=
  map (fun g => Z.min (Z.shiftr (weight * g) b) 0) gap.

(** A lower bound of the last position's term. *)
Definition last_term (w : query_weights) (b : Z) (others q : nat) (G : gaps) : vector :=
  interval_product b
    (weight_interval w b (nth q (tokens_low w) 0) (nth q (tokens_high w) 0)
       (nth others (positions_low w) 0) (nth others (positions_high w) 0))
    (vector_add (vector_add (nth q (gap_EU G) []) (nth q (gap_OV G) [])) (nth others (gap_positions G) [])).

(** ** The real terms *)

Open Scope R_scope.

Section RealTerms.
Variable M : model.

Definition token_factor (q t : nat) : R := exp (real_QK M q t / sqrt (INR (head_width M))).
Definition position_factor (q j : nat) : R := exp (real_QK_positions M q j / sqrt (INR (head_width M))).

(** The greatest of [f 0], ..., [f k]. *)
Fixpoint greatest_real (k : nat) (f : nat -> R) : R :=
  match k with
  | O => f O
  | S k' => Rmax (greatest_real k' f) (f (S k'))
  end.

Definition top_position (q : nat) : R := greatest_real (positions M - 2) (position_factor q).

Definition weight (q m j t : nat) : R :=
  token_factor q t * position_factor q j / (token_factor q m * top_position q).

Definition D (q m o : nat) : R := real_EU M q m - real_EU M q o.
Definition V (m o t : nat) : R := real_OV M t m - real_OV M t o.
Definition P (m o j : nat) : R := real_OV_positions M j m - real_OV_positions M j o.

Definition term (q m o j t : nat) : R := weight q m j t * (D q m o + V m o t + P m o j).

Lemma greatest_real_spec k f :
  (forall j, (j <= k)%nat -> f j <= greatest_real k f) /\
  exists j, (j <= k)%nat /\ greatest_real k f = f j.
Proof.
  induction k as [|k [H (j & Hj & E)]]; simpl.
  - split; [intros j Hj; assert (j = O) by lia; subst; lra|]. now exists O.
  - split.
    + intros j' Hj'. destruct (Nat.eq_dec j' (S k)) as [->|N]; [apply Rmax_r|].
      eapply Rle_trans; [apply H; lia|apply Rmax_l].
    + destruct (Rle_dec (greatest_real k f) (f (S k))) as [L|L];
        [rewrite Rmax_right by easy|rewrite Rmax_left by lra].
      * exists (S k). split; [lia|easy].
      * exists j. split; [lia|easy].
Qed.

Lemma top_position_pos q : 0 < top_position q.
Proof.
  unfold top_position. destruct (greatest_real_spec (positions M - 2) (position_factor q)) as [_ (j & _ & ->)].
  apply exp_pos.
Qed.

Lemma weight_nonneg q m j t : 0 <= weight q m j t.
Proof.
  unfold weight. pose proof (top_position_pos q).
  pose proof (exp_pos (real_QK M q m / sqrt (INR (head_width M)))).
  apply Rlt_le, Rmult_lt_0_compat.
  - apply Rmult_lt_0_compat; apply exp_pos.
  - apply Rinv_0_lt_compat. now apply Rmult_lt_0_compat.
Qed.

Lemma times_plus n x y A j : times n (fun k => x k + y k) A j = times n x A j + times n y A j.
Proof.
  unfold times. rewrite <- sum_plus. apply sum_ext. intros k _. ring.
Qed.

Lemma score_splits x j :
  score M x j
  = real_QK M (token x (last_position M)) (token x j) / sqrt (INR (head_width M))
    + real_QK_positions M (token x (last_position M)) j / sqrt (INR (head_width M)).
Proof.
  unfold score, real_QK, real_QK_positions, real_score, Rdiv. rewrite <- Rmult_plus_distr_r. f_equal.
  unfold inner. rewrite <- sum_plus. apply sum_ext. intros c _.
  change (residual M x (last_position M)) with (real_query M (token x (last_position M))).
  unfold residual. rewrite times_plus. ring.
Qed.

Lemma moved_splits x j o :
  moved M x j o = real_OV M (token x j) o + real_OV_positions M j o.
Proof.
  unfold moved, real_OV, real_OV_positions, real_moved, residual.
  rewrite <- times_plus. apply times_ext. intros k _. rewrite <- times_plus.
  apply times_ext. intros k' _. apply times_plus.
Qed.

Lemma sum_over_tokens r : forall s first,
  sum (List.length s) (fun j => r (first + j)%nat (nth j s O)) = sum_tokens r first s.
Proof.
  induction s as [|t s IH]; intros first; [easy|]. cbn [List.length sum_tokens].
  rewrite sum_first, Nat.add_0_r. cbn [nth]. f_equal. rewrite <- IH. apply sum_ext.
  intros k _. now rewrite Nat.add_succ_r.
Qed.

(** An input is correct against [o] if its terms add up to more than 0. *)
Lemma scaled_margin s q m o :
  (1 <= positions M)%nat -> List.length s = (positions M - 1)%nat ->
  0 < sum_tokens (term q m o) 0 s + term q m o (positions M - 1) q ->
  logit M (s ++ [q]) o < logit M (s ++ [q]) m.
Proof.
  intros Hn Hs H. apply logit_less; [easy|]. set (x := s ++ [q]).
  assert (Hq : token x (last_position M) = q).
  { unfold token, x, last_position. rewrite app_nth2, Hs by lia. now rewrite Nat.sub_diag. }
  set (K := token_factor q m * top_position q).
  assert (HK : 0 < K).
  { apply Rmult_lt_0_compat; [apply exp_pos|apply top_position_pos]. }
  rewrite (sum_ext (positions M) _ (fun j => K * term q m o j (token x j))).
  - rewrite sum_scale. apply Rmult_lt_0_compat; [easy|].
    replace (positions M) with (S (List.length s)) by lia. cbn [sum].
    replace (sum (List.length s) (fun j => term q m o j (token x j))) with (sum_tokens (term q m o) 0 s).
    + replace (token x (List.length s)) with q.
      * now rewrite Hs.
      * unfold token, x. rewrite app_nth2, Nat.sub_diag by lia. easy.
    + rewrite <- sum_over_tokens. apply sum_ext. intros j Hj. cbn [Nat.add]. f_equal.
      unfold token, x. now rewrite app_nth1.
  - intros j Hj. rewrite score_splits, Hq, exp_plus, !moved_splits.
    change (residual M x (last_position M)) with (real_query M (token x (last_position M))). rewrite Hq.
    unfold term, weight. fold K. fold (token_factor q (token x j)). fold (position_factor q j).
    unfold D, V, P, real_EU. field. lra.
Qed.

End RealTerms.

(** ** Lists *)

Lemma nth_error_firstn {A} (l : list A) : forall k j, (j < k)%nat -> nth_error (firstn k l) j = nth_error l j.
Proof.
  induction l as [|a l IH]; intros [|k] [|j] H; simpl; try easy; try lia. apply IH. lia.
Qed.

Lemma nth_error_skipn {A} (l : list A) : forall k j, nth_error (skipn k l) j = nth_error l (k + j).
Proof. induction l as [|a l IH]; intros [|k] j; simpl; try easy. now destruct j. Qed.

Lemma in_firstn {A} (l : list A) k x : In x (firstn k l) -> exists j, (j < k)%nat /\ nth_error l j = Some x.
Proof.
  intros H. apply In_nth_error in H as (j & H). exists j.
  assert (j < k)%nat.
  { assert (j < List.length (firstn k l))%nat by (apply nth_error_Some; congruence).
    pose proof (firstn_le_length k l). lia. }
  split; [easy|]. now rewrite nth_error_firstn in H.
Qed.

Lemma firstn_in {A} (l : list A) k j x : (j < k)%nat -> nth_error l j = Some x -> In x (firstn k l).
Proof. intros Hj H. apply nth_error_In with j. now rewrite nth_error_firstn. Qed.

Lemma segments_in {A} widths : forall c o (l : list A) x, in_class widths c o -> nth_error l o = Some x ->
  exists segment, nth_error (segments widths l) c = Some segment /\ In x segment.
Proof.
  induction widths as [|w widths IH]; intros c o l x Hc Hx; [easy|]. destruct c as [|c]; simpl in Hc |- *.
  - exists (firstn w l). split; [easy|]. eapply firstn_in; eauto.
  - destruct Hc as [Hw Hc]. apply (IH c (o - w)%nat); [easy|]. rewrite nth_error_skipn.
    now replace (w + (o - w))%nat with o by lia.
Qed.

Lemma segments_from {A} widths : forall c (l segment : list A) x,
  nth_error (segments widths l) c = Some segment -> In x segment ->
  exists o, in_class widths c o /\ nth_error l o = Some x.
Proof.
  induction widths as [|w widths IH]; intros c l segment x Hc Hx; [now destruct c|].
  destruct c as [|c]; simpl in Hc |- *.
  - injection Hc as <-. now apply in_firstn in Hx.
  - destruct (IH _ _ _ _ Hc Hx) as (o & Ho & E). rewrite nth_error_skipn in E.
    exists (w + o)%nat. split; [|easy]. split; [lia|]. now replace (w + o - w)%nat with o by lia.
Qed.

Lemma select_rank {A} chosen : forall c (l : list A) x,
  nth_error chosen c = Some true -> nth_error l c = Some x -> nth_error (select chosen l) (rank chosen c) =
    Some x.
Proof.
  induction chosen as [|b chosen IH]; intros [|c] [|a l] x Hc Hx; simpl in *; try easy.
  - now injection Hc as ->.
  - destruct b; simpl; now apply IH.
Qed.

Lemma hole_spec row : forall m o x, o <> m -> nth_error row o = Some x -> nth_error (hole m row) o = Some
  (Some x).
Proof.
  induction row as [|y row IH]; intros [|m] [|o] x N H; simpl in *; try easy.
  - now rewrite nth_error_map, H.
  - now injection H as ->.
  - apply IH; [lia|easy].
Qed.

Lemma greatest_from_ge l : forall best,
  (best <= greatest_from best l)%Z /\ forall x, In (Some x) l -> (x <= greatest_from best l)%Z.
Proof.
  induction l as [|[y|] l IH]; intros best; simpl.
  - split; [lia|easy].
  - destruct (IH (Z.max best y)) as [A B]. split; [lia|]. intros x [E|H]; [injection E as <-; lia|auto].
  - destruct (IH best) as [A B]. split; [easy|]. intros x [E|H]; [easy|auto].
Qed.

Lemma greatest_ge l x : In (Some x) l -> (x <= greatest l)%Z.
Proof.
  induction l as [|[y|] l IH]; simpl; [easy| |].
  - destruct (greatest_from_ge l y) as [A B]. intros [E|H]; [injection E as <-; easy|auto].
  - intros [E|H]; [easy|auto].
Qed.

(** ** Gaps are bounds *)

Lemma label_gaps_ok T rows_total n f count m widths i c o :
  fixed_ok T rows_total n f -> (i < count)%nat -> (i < rows_total)%nat -> (m < n)%nat -> (o < n)%nat ->
  o <> m -> in_class widths c o ->
  exists v, nth_error (label_gaps T count m widths) i = Some v /\ bounds v c (f i m - f i o).
Proof.
  intros H Hi Hi' Hm Ho N Hc. unfold label_gaps.
  destruct (H i m Hi' Hm) as (a & _ & (row & Er & Ea) & _ & La & _).
  destruct (H i o Hi' Ho) as (_ & b & _ & (row' & Er' & Eb) & _ & Ub).
  apply (hole_spec _ m) in Eb; [|easy].
  destruct (segments_in _ _ _ _ _ Hc Eb) as (segment & Es & Hb). apply greatest_ge in Hb.
  eexists. split.
  - apply nth_error_zip; [rewrite nth_error_firstn by easy; exact Er|exact Er'].
  - cbn beta zeta. rewrite (nth_error_nth _ _ 0%Z Ea). exists (a - greatest segment)%Z. split.
    + now rewrite nth_error_map, Es.
    + apply IZR_le in Hb. rewrite minus_IZR. lra.
Qed.

(** Entry [c] of the gaps bounds D, V and P at the output [o]. *)
Record gaps_ok (M : model) (b : Z) (m o c : nat) (G : gaps) : Prop := GapsOk {
  gap_EU_ok : forall q, (q <= m)%nat ->
    exists v, nth_error (gap_EU G) q = Some v /\ bounds v c (pow2 b * D M q m o);
  gap_OV_ok : forall t, (t <= m)%nat ->
    exists v, nth_error (gap_OV G) t = Some v /\ bounds v c (pow2 b * V M m o t);
  gap_positions_ok : forall j, (j < positions M)%nat ->
    exists v, nth_error (gap_positions G) j = Some v /\ bounds v c (pow2 b * P M m o j)
}.

Lemma compute_gaps_ok M b m o c F widths :
  well_formed M -> fixed_tables_ok M b F -> (m < vocabulary M)%nat -> (o < outputs M)%nat -> o <> m ->
  in_class widths c o -> gaps_ok M b m o c (compute_gaps F (positions M) m widths).
Proof.
  intros W [] Hm Ho N Hc. pose proof (outputs_for_labels _ W).
  constructor; cbn [compute_gaps gap_EU gap_OV gap_positions]; intros i Hi.
  - edestruct (label_gaps_ok (fixed_EU F)) as (v & E & B); [eassumption| | | | |exact N|exact Hc|].
    5:{ exists v. split; [exact E|]. eapply bounds_weaken; [exact B|]. unfold D. cbn beta. lra. }
    all: lia.
  - edestruct (label_gaps_ok (fixed_OV F)) as (v & E & B); [eassumption| | | | |exact N|exact Hc|].
    5:{ exists v. split; [exact E|]. eapply bounds_weaken; [exact B|]. unfold V. cbn beta. lra. }
    all: lia.
  - edestruct (label_gaps_ok (fixed_positions F)) as (v & E & B); [eassumption| | | | |exact N|exact Hc|].
    5:{ exists v. split; [exact E|]. eapply bounds_weaken; [exact B|]. unfold P. cbn beta. lra. }
    all: lia.
Qed.

Lemma bounds_select chosen v c r : nth_error chosen c = Some true ->
  bounds v c r -> bounds (select chosen v) (rank chosen c) r.
Proof. intros H (b & E & L). exists b. split; [now apply select_rank|easy]. Qed.

Lemma select_gaps_ok M b m o c chosen G : nth_error chosen c = Some true ->
  gaps_ok M b m o c G -> gaps_ok M b m o (rank chosen c) (select_gaps chosen G).
Proof.
  intros H []. destruct G as [ge go gp]. cbn [gap_EU gap_OV gap_positions] in *.
  constructor; cbn [select_gaps gap_EU gap_OV gap_positions].
  - intros q Hq. destruct (gap_EU_ok0 q Hq) as (v & E & B). exists (select chosen v).
    split; [exact (map_nth_error _ _ _ E)|now apply bounds_select].
  - intros q Hq. destruct (gap_OV_ok0 q Hq) as (v & E & B). exists (select chosen v).
    split; [exact (map_nth_error _ _ _ E)|now apply bounds_select].
  - intros q Hq. destruct (gap_positions_ok0 q Hq) as (v & E & B). exists (select chosen v).
    split; [exact (map_nth_error _ _ _ E)|now apply bounds_select].
Qed.

(** ** Weights are bounds *)

Lemma ratio_le a x y z : 0 <= a <= x -> 0 < y <= z -> a / z <= x / y.
Proof.
  intros Ha Hy. unfold Rdiv. apply Rmult_le_compat; try lra.
  - apply Rlt_le, Rinv_0_lt_compat. lra.
  - apply Rinv_le_contravar; lra.
Qed.

(** All that the rules use of the weights of one query and label. *)
Record query_weights_ok (M : model) (b : Z) (q m : nat) (w : query_weights) : Prop := QueryWeightsOk {
  weight_interval_ok : forall j t, (j < positions M)%nat -> (t < vocabulary M)%nat ->
    exists tl th pl ph,
      nth_error (tokens_low w) t = Some tl /\ nth_error (tokens_high w) t = Some th /\
      nth_error (positions_low w) j = Some pl /\ nth_error (positions_high w) j = Some ph /\
      IZR (fst (weight_interval w b tl th pl ph)) <= pow2 b * weight M q m j t
      <= IZR (snd (weight_interval w b tl th pl ph));
  label_weight_ok : forall j, (j < positions M - 1)%nat ->
    IZR (label_low w b (positions M - 1)) <= pow2 b * weight M q m j m <= pow2 b;
  band_weights_ok : forall sizes i t j, in_class sizes i t -> (t < vocabulary M)%nat ->
    (j < positions M - 1)%nat ->
    exists u, nth_error (band_weights w b sizes) i = Some u /\ pow2 b * weight M q m j t <= IZR u
}.

Record enclosed_weights (M : model) (eb : Z) (W : weights) : Prop := EnclosedWeights {
  token_factors_ok : weights_ok (token_factors W) (vocabulary M) (vocabulary M) eb
    (fun q t => real_QK M q t / sqrt (INR (head_width M)));
  position_factors_ok : weights_ok (position_factors W) (vocabulary M) (positions M) eb
    (fun q j => real_QK_positions M q j / sqrt (INR (head_width M)))
}.

Lemma query_weights_of_ok M eb W b q m w :
  (2 <= positions M)%nat -> (0 <= b)%Z -> enclosed_weights M eb W ->
  (q < vocabulary M)%nat -> (m < vocabulary M)%nat ->
  query_weights_of W (positions M - 1) q m = Ok w -> query_weights_ok M b q m w.
Proof.
  intros Hn Hb [HT HP] Hq Hm H. unfold query_weights_of in H.
  destruct (HT q Hq) as (k1 & Hk1 & T). destruct (HP q Hq) as (k2 & Hk2 & P'). clear HT HP.
  set (others := (positions M - 1)%nat) in *.
  set (tl := nth q (fst (token_factors W)) []) in *. set (th := nth q (snd (token_factors W)) []) in *.
  set (pl := nth q (fst (position_factors W)) []) in *. set (ph := nth q (snd (position_factors W)) []) in *.
  destruct ((nth m tl 0 <=? 0) || (list_max (firstn others pl) <=? 0))%Z eqn:E; [discriminate|].
  apply Bool.orb_false_iff in E as [E1 E2]. apply Z.leb_gt in E1, E2. injection H as <-.
  pose proof (pow2_pos eb) as Peb.
  set (e := fun t => pow2 eb * (token_factor M q t * k1)).
  set (f := fun j => pow2 eb * (position_factor M q j * k2)).
  set (F := pow2 eb * (top_position M q * k2)).
  assert (He : forall t, 0 < e t).
  { intros t. unfold e, token_factor. pose proof (exp_pos (real_QK M q t / sqrt (INR (head_width M)))).
    apply Rmult_lt_0_compat; [easy|]. now apply Rmult_lt_0_compat. }
  assert (Hf : forall j, 0 < f j).
  { intros j. unfold f, position_factor.
    pose proof (exp_pos (real_QK_positions M q j / sqrt (INR (head_width M)))).
    apply Rmult_lt_0_compat; [easy|]. now apply Rmult_lt_0_compat. }
  assert (HF : 0 < F).
  { unfold F. pose proof (top_position_pos M q).
    apply Rmult_lt_0_compat; [easy|]. now apply Rmult_lt_0_compat. }
  assert (T' : forall t, (t < vocabulary M)%nat -> exists a c, nth_error tl t = Some a /\
     nth_error th t = Some c /\ (0 <= a)%Z /\ IZR a <= e t <= IZR c).
  { intros t Ht. destruct (T t Ht) as (a & c & (r & Er & Ea) & (r' & Er' & Ec) & A0 & B).
    exists a, c. unfold tl, th.
    rewrite (nth_error_nth _ _ [] Er), (nth_error_nth _ _ [] Er'). easy. }
  assert (P'' : forall j, (j < positions M)%nat -> exists a c, nth_error pl j = Some a /\
     nth_error ph j = Some c /\ (0 <= a)%Z /\ IZR a <= f j <= IZR c).
  { intros j Hj. destruct (P' j Hj) as (a & c & (r & Er & Ea) & (r' & Er' & Ec) & A0 & B).
    exists a, c. unfold pl, ph.
    rewrite (nth_error_nth _ _ [] Er), (nth_error_nth _ _ [] Er'). easy. }
  clear T P'.
  assert (Fge : forall j, (j < others)%nat -> f j <= F).
  { intros j Hj. unfold f, F. apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat_r; [lra|].
    apply greatest_real_spec. unfold others in Hj. lia. }
  assert (Fin : exists j, (j < others)%nat /\ F = f j).
  { destruct (greatest_real_spec (positions M - 2) (position_factor M q)) as [_ (j & Hj & Ej)].
    exists j. split; [unfold others; lia|]. unfold F, f, top_position. now rewrite Ej. }
  assert (Fhigh : F <= IZR (list_max (firstn others ph))).
  { destruct Fin as (j & Hj & ->).
    destruct (P'' j) as (a & c & _ & Ec & _ & _ & Uc); [unfold others in *; lia|].
    eapply Rle_trans; [exact Uc|]. apply IZR_le, list_max_ge. eapply firstn_in; eauto. }
  assert (Flow : IZR (list_max (firstn others pl)) <= F).
  { assert (I : In (list_max (firstn others pl)) (firstn others pl)).
    { apply list_max_in. intros Z. rewrite Z in E2. simpl in E2. lia. }
    apply in_firstn in I as (j & Hj & Ej).
    destruct (P'' j) as (a & c & Ea & _ & _ & La & _); [unfold others in *; lia|].
    assert (a = list_max (firstn others pl)) as <- by congruence.
    specialize (Fge j Hj). lra. }
  destruct (T' m Hm) as (am & cm & Eam & Ecm & Am0 & Lm & Um).
  rewrite (nth_error_nth _ _ 0%Z Eam) in *. rewrite (nth_error_nth _ _ 0%Z Ecm).
  assert (HW : forall j t, weight M q m j t = e t * f j / (e m * F)).
  { intros j t. unfold weight, e, f, F. pose proof (top_position_pos M q).
    assert (0 < token_factor M q m) by apply exp_pos. field. repeat split; lra. }
  pose proof (pow2_pos b) as Pb. pose proof (He m) as Hem.
  apply IZR_lt in E1 as E1'. apply IZR_lt in E2 as E2'.
  set (place := list_max (firstn others pl)) in *. set (place' := list_max (firstn others ph)) in *.
  assert (Hmost : (0 < cm * place')%Z).
  { apply lt_IZR. rewrite mult_IZR. apply Rmult_lt_0_compat; lra. }
  assert (Hleast : (0 < am * place)%Z) by (apply Z.mul_pos_pos; easy).
  constructor; cbn [tokens_low tokens_high positions_low positions_high least_label most_label label_factor].
  - intros j t Hj Ht. destruct (T' t Ht) as (a & c & Ea & Ec & A0 & La & Ua).
    destruct (P'' j Hj) as (a' & c' & Ea' & Ec' & A0' & La' & Ua').
    exists a, c, a', c'. do 4 (split; [easy|]). rewrite HW.
    unfold weight_interval; cbn [fst snd least_label most_label].
    rewrite !Z.shiftl_mul_pow2 by easy. apply IZR_le in A0, A0'.
    pose proof (He t). pose proof (Hf j). split.
    + eapply Rle_trans; [now apply floor_divide_le|].
      rewrite !mult_IZR, pow2_IZR by easy.
      replace (pow2 b * (e t * f j / (e m * F))) with (e t * f j * pow2 b / (e m * F))
        by (unfold Rdiv; ring).
      apply ratio_le.
      * split; [apply Rmult_le_pos; [now apply Rmult_le_pos|lra]|].
        apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat; lra.
      * split; [now apply Rmult_lt_0_compat|]. apply Rmult_le_compat; lra.
    + eapply Rle_trans; [|now apply divide_up_ge].
      rewrite !mult_IZR, pow2_IZR by easy.
      replace (pow2 b * (e t * f j / (e m * F))) with (e t * f j * pow2 b / (e m * F))
        by (unfold Rdiv; ring).
      apply ratio_le.
      * split; [apply Rmult_le_pos; [apply Rmult_le_pos; lra|lra]|].
        apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat; lra.
      * split; [now apply Rmult_lt_0_compat|]. apply Rmult_le_compat; lra.
  - intros j Hj. rewrite HW. specialize (Fge j Hj). pose proof (Hf j).
    replace (pow2 b * (e m * f j / (e m * F))) with (f j * pow2 b / F) by (field; lra).
    destruct (P'' j) as (a' & c' & Ea' & Ec' & A0' & La' & Ua'); [unfold others in *; lia|].
    split.
    + unfold label_low; cbn [positions_low positions_high]. fold others. fold place'.
      assert (0 < place')%Z by (apply lt_IZR; lra).
      eapply Rle_trans; [now apply floor_divide_le|].
      rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by easy.
      set (low := list_min (firstn others pl)) in *.
      assert (Hlow : IZR low <= f j).
      { eapply Rle_trans; [|exact La']. apply IZR_le, list_min_le. eapply firstn_in; eauto. }
      assert (Hlow0 : (0 <= low)%Z).
      { assert (I : In low (firstn others pl)).
        { unfold low. destruct (firstn others pl) as [|z l] eqn:L; [|apply fold_left_min_in].
          unfold place in E2. simpl in E2. lia. }
        apply in_firstn in I as (j' & Hj' & Ej').
        destruct (P'' j') as (a & c & Ea & _ & A0 & _); [unfold others in *; lia|]. congruence. }
      apply IZR_le in Hlow0. apply ratio_le.
      * split; [apply Rmult_le_pos; lra|]. apply Rmult_le_compat_r; lra.
      * lra.
    + apply Rmult_le_reg_r with F; [easy|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
      rewrite Rmult_comm. apply Rmult_le_compat_l; lra.
  - intros sizes i t j Hi Ht Hj. unfold band_weights; cbn [tokens_high label_factor].
    destruct (T' t Ht) as (a & c & Ea & Ec & A0 & La & Ua).
    destruct (segments_in _ _ _ _ _ Hi Ec) as (band & Eb & Hc). apply list_max_ge in Hc.
    eexists. split; [now rewrite nth_error_map, Eb|]. rewrite HW.
    eapply Rle_trans; [|now apply divide_up_ge]. rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by easy.
    specialize (Fge j Hj). pose proof (Hf j). pose proof (He t). apply IZR_le in Hc.
    assert (e t * f j / (e m * F) <= e t / e m).
    { replace (e t / e m) with (e t * F / (e m * F)) by (field; lra). unfold Rdiv.
      apply Rmult_le_compat_r; [apply Rlt_le, Rinv_0_lt_compat; now apply Rmult_lt_0_compat|].
      apply Rmult_le_compat_l; lra. }
    apply Rle_trans with (e t * pow2 b / e m).
    + replace (e t * pow2 b / e m) with (pow2 b * (e t / e m)) by (field; lra).
      apply Rmult_le_compat_l; lra.
    + apply ratio_le; [|lra]. split; [apply Rmult_le_pos; lra|]. apply Rmult_le_compat_r; lra.
Qed.

(** ** Products of weights and gaps are bounds *)

Lemma interval_product_ok b interval gap c w g :
  0 <= w -> IZR (fst interval) <= pow2 b * w <= IZR (snd interval) -> bounds gap c (pow2 b * g) ->
  bounds (interval_product b interval gap) c (pow2 b * (w * g)).
Proof.
  intros Hw Hi (k & E & L). eexists. split; [unfold interval_product; now rewrite nth_error_map, E|].
  destruct interval as [lo hi]. cbn [fst snd] in *.
  pose proof (shiftr_le (lo * k) b) as S1. pose proof (shiftr_le (hi * k) b) as S2.
  rewrite mult_IZR in S1, S2.
  pose proof (IZR_le _ _ (Z.le_min_l (Z.shiftr (lo * k) b) (Z.shiftr (hi * k) b))) as M1.
  pose proof (IZR_le _ _ (Z.le_min_r (Z.shiftr (lo * k) b) (Z.shiftr (hi * k) b))) as M2.
  set (z := IZR (Z.min _ _)) in *.
  pose proof (pow2_opp b) as O. pose proof (pow2_pos b) as Pb. pose proof (pow2_pos (- b)) as Pb'.
  assert (K : w * IZR k <= pow2 b * (w * g)).
  { replace (pow2 b * (w * g)) with (w * (pow2 b * g)) by ring. now apply Rmult_le_compat_l. }
  assert (Kw : w * IZR k = (pow2 b * w) * IZR k * pow2 (- b)).
  { replace (pow2 b * w * IZR k * pow2 (- b)) with (w * IZR k * (pow2 b * pow2 (- b))) by ring.
    rewrite O. ring. }
  destruct (Rle_lt_dec 0 (IZR k)) as [K0|K0].
  - assert (IZR lo * IZR k * pow2 (- b) <= w * IZR k); [|lra].
    rewrite Kw. apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; lra.
  - assert (IZR hi * IZR k * pow2 (- b) <= w * IZR k); [|lra].
    rewrite Kw. apply Rmult_le_compat_r; [lra|].
    assert ((IZR hi - pow2 b * w) * IZR k <= 0); [|lra].
    assert (0 <= (IZR hi - pow2 b * w) * (- IZR k)) by (apply Rmult_le_pos; lra). lra.
Qed.

Lemma product_from_zero_ok b weight gap c w g :
  0 <= w -> pow2 b * w <= IZR weight -> bounds gap c (pow2 b * g) ->
  bounds (product_from_zero b weight gap) c (pow2 b * (w * g)).
Proof.
  intros Hw Hi Hg. pose proof (pow2_pos b) as Pb.
  assert (0 <= pow2 b * w) by (apply Rmult_le_pos; lra).
  assert (H' : bounds (interval_product b (0%Z, weight) gap) c (pow2 b * (w * g))).
  { apply interval_product_ok; [easy| |easy]. cbn [fst snd]. lra. }
  destruct H' as (k & E & L). exists k. split; [|easy]. rewrite <- E.
  unfold interval_product, product_from_zero. f_equal. apply map_ext. intros z. cbn [fst snd].
  rewrite Z.mul_0_l, Z.shiftr_0_l. apply Z.min_comm.
Qed.

Lemma last_term_ok M b q m o c w G :
  (1 <= positions M)%nat -> query_weights_ok M b q m w -> gaps_ok M b m o c G -> (q <= m)%nat ->
  (m < vocabulary M)%nat ->
  bounds (last_term w b (positions M - 1) q G) c (pow2 b * term M q m o (positions M - 1) q).
Proof.
  intros Hn [HW _ _] [HE HO HP] Hq Hm. unfold last_term.
  destruct (HW (positions M - 1)%nat q) as (tl & th & pl & ph & E1 & E2 & E3 & E4 & I); [lia|lia|].
  rewrite (nth_error_nth _ _ 0%Z E1), (nth_error_nth _ _ 0%Z E2), (nth_error_nth _ _ 0%Z E3),
    (nth_error_nth _ _ 0%Z E4).
  unfold term. apply interval_product_ok; [apply weight_nonneg|easy|].
  destruct (HE q Hq) as (v1 & F1 & B1). destruct (HO q Hq) as (v2 & F2 & B2).
  destruct (HP (positions M - 1)%nat) as (v3 & F3 & B3); [lia|].
  rewrite (@nth_error_nth vector _ _ _ [] F1), (@nth_error_nth vector _ _ _ [] F2),
    (@nth_error_nth vector _ _ _ [] F3).
  rewrite !Rmult_plus_distr_l. now repeat apply bounds_add.
Qed.

Lemma weights_at_ok M b q m w j t count :
  query_weights_ok M b q m w -> (j < positions M)%nat -> (t < vocabulary M)%nat -> (t < count)%nat ->
  exists interval, nth_error (weights_at w b j count) t = Some interval /\
    IZR (fst interval) <= pow2 b * weight M q m j t <= IZR (snd interval).
Proof.
  intros [HW _ _] Hj Ht Hc. destruct (HW j t Hj Ht) as (tl & th & pl & ph & E1 & E2 & E3 & E4 & I).
  exists (weight_interval w b tl th pl ph). split; [|easy]. unfold weights_at.
  rewrite (nth_error_nth _ _ 0%Z E3), (nth_error_nth _ _ 0%Z E4).
  apply (nth_error_zip (fun tl th => weight_interval w b tl th pl ph)); [now rewrite nth_error_firstn|easy].
Qed.
