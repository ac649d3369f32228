(** * The tables of a model, and their rounding to fixed point

    Mirrors the class [Tables] of [checker/models/tables.py]. *)

From Coq Require Import Reals ZArith List Lia Lra String.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices LowRank.
Import ListNotations.
Open Scope Z_scope.

(** ** The tables of a model *)

Record tables := Tables {
  QK : enclosure;
  OV : enclosure;
  EU : enclosure;
  QK_positions : enclosure;
  OV_positions : enclosure
}.

(** The enclosure of the table that is the product of [path], by the rule that the certificate names;
    [product] is the exact table. *)
Definition enclose (rule : table_rule) (path : path) (product : dyadic) : result enclosure :=
  match rule with
  | Exact => Ok (check_exact product)
  | LowRank factors => check_low_rank factors path product
  end.

Definition enclose_tables (M : model) (C : certificate) : result tables :=
  let d := width M in
  let h := head_width M in
  let queries := add_row (W_E M) (nth (positions M - 1) (rows (W_pos M)) []) (exponent (W_pos M)) in
  let query := multiply h queries (W_Q M) in
  let key x := multiply h x (W_K M) in
  let value x := multiply d (multiply h x (W_V M)) (W_O M) in
  do qk <- enclose (table_QK C)
    [(queries, d); (W_Q M, h); (transpose h (W_K M), d); (transpose d (W_E M), vocabulary M)]
    (multiply_rows query (key (W_E M)));
  do ov <- enclose (table_OV C) [(W_E M, d); (W_V M, h); (W_O M, d); (W_U M, outputs M)]
    (multiply (outputs M) (value (W_E M)) (W_U M));
  do eu <- enclose (table_EU C) [(queries, d); (W_U M, outputs M)] (multiply (outputs M) queries (W_U M));
  Ok (Tables qk ov eu
        (check_exact (multiply_rows query (key (W_pos M))))
        (check_exact (multiply (outputs M) (value (W_pos M)) (W_U M)))).

(** ** Fixed point *)

(** Rows of lower and of upper bounds. *)
Definition fixed_table := (list (list Z) * list (list Z))%type.

Definition round_table (E : enclosure) (b : Z) : fixed_table :=
  (map (map (fun k => shift_down k (exponent (lower E) + b))) (rows (lower E)),
   map (map (fun k => shift_up k (exponent (upper E) + b))) (rows (upper E))).

Record fixed_tables := FixedTables { fixed_OV : fixed_table; fixed_EU : fixed_table; fixed_positions :
  fixed_table }.

Definition fix_tables (T : tables) (b : Z) : fixed_tables :=
  FixedTables (round_table (OV T) b) (round_table (EU T) b) (round_table (OV_positions T) b).

(** ** Attention weights *)

Definition list_max (l : list Z) : Z :=
  match l with [] => 0 | a :: rest => fold_left Z.max rest a end.

Definition list_min (l : list Z) : Z :=
  match l with [] => 0 | a :: rest => fold_left Z.min rest a end.

(** Enclosures of exp (score - largest upper score of the row), in fixed point of [eb] bits, from scores of
    [sb] bits. *)
Definition exponentials (E : enclosure) (head : nat) (sb eb : Z) : fixed_table :=
  let divisor := Z.of_nat head in
  let down := map (map (fun k => root_down k (exponent (lower E) + sb) divisor)) (rows (lower E)) in
  let up := map (map (fun k => root_up k (exponent (upper E) + sb) divisor)) (rows (upper E)) in
  let tops := map list_max up in
  let below := zip_with (fun top row => map (Z.sub top) row) tops in
  let below_down := below down in
  let below_up := below up in
  let factors := exponential_factors sb eb (list_max (map list_max below_down)) in
  (map (map (exponential_lower eb factors)) below_down, map (map (exponential_upper eb factors)) below_up).

Record weights := Weights { token_factors : fixed_table; position_factors : fixed_table }.

Definition enclose_weights (M : model) (C : certificate) (T : tables) : weights :=
  Weights (exponentials (QK T) (head_width M) (score_bits C) (exponential_bits C))
          (exponentials (QK_positions T) (head_width M) (score_bits C) (exponential_bits C)).

(** ** The real tables *)

Open Scope R_scope.

Section RealTables.
Variable M : model.

(** The residual stream of the last position, by its token. *)
Definition real_query (q k : nat) : R := entry (W_E M) q k + entry (W_pos M) (positions M - 1) k.

Definition real_score (x y : nat -> R) : R :=
  inner (head_width M) (times (width M) x (W_Q M)) (times (width M) y (W_K M)).

Definition real_moved (x : nat -> R) (o : nat) : R :=
  times (width M) (times (head_width M) (times (width M) x (W_V M)) (W_O M)) (W_U M) o.

Definition real_QK (q t : nat) : R := real_score (real_query q) (entry (W_E M) t).
Definition real_QK_positions (q j : nat) : R := real_score (real_query q) (entry (W_pos M) j).
Definition real_OV (t o : nat) : R := real_moved (entry (W_E M) t) o.
Definition real_OV_positions (j o : nat) : R := real_moved (entry (W_pos M) j) o.
Definition real_EU (q o : nat) : R := times (width M) (real_query q) (W_U M) o.

End RealTables.

(** ** The enclosures enclose the real tables *)

Record tables_ok (M : model) (T : tables) : Prop := TablesOk {
  QK_ok : encloses_table (QK T) (vocabulary M) (vocabulary M) (real_QK M);
  OV_ok : encloses_table (OV T) (vocabulary M) (outputs M) (real_OV M);
  EU_ok : encloses_table (EU T) (vocabulary M) (outputs M) (real_EU M);
  QK_positions_ok : encloses_table (QK_positions T) (vocabulary M) (positions M) (real_QK_positions M);
  OV_positions_ok : encloses_table (OV_positions T) (positions M) (outputs M) (real_OV_positions M)
}.

Lemma enclose_sound rule path product m n f E :
  denotes product m n f -> enclose rule path product = Ok E -> encloses_table E m n f.
Proof.
  intros D. destruct rule as [|factors]; simpl.
  - intros H. injection H as <-. now apply check_exact_sound.
  - now apply check_low_rank_sound.
Qed.

Lemma enclose_tables_sound M C T : well_formed M -> enclose_tables M C = Ok T -> tables_ok M T.
Proof.
  intros W H. unfold enclose_tables in H.
  set (queries := add_row _ _ _) in H.
  apply bind_ok in H as (qk & Hqk & H). apply bind_ok in H as (ov & Hov & H).
  apply bind_ok in H as (eu & Heu & H). injection H as <-.
  assert (HQ : denotes queries (vocabulary M) (width M) (real_query M)).
  { unfold queries. apply denotes_add_row; [apply W|].
    eapply shape_row; [apply W|]. pose proof (two_positions _ W). lia. }
  assert (Hquery : denotes (multiply (head_width M) queries (W_Q M)) (vocabulary M) (head_width M)
                     (fun q => times (width M) (real_query M q) (W_Q M))).
  { apply denotes_multiply with (n := width M); [easy|apply W]. }
  assert (Hkey : forall A m, has_shape A m (width M) ->
            denotes (multiply (head_width M) A (W_K M)) m (head_width M)
                    (fun t => times (width M) (entry A t) (W_K M))).
  { intros A m S. apply denotes_multiply with (n := width M); [now apply denotes_itself|apply W]. }
  assert (Hvalue : forall A m, has_shape A m (width M) ->
            denotes (multiply (outputs M)
                       (multiply (width M) (multiply (head_width M) A (W_V M)) (W_O M)) (W_U M))
                    m (outputs M) (fun t => real_moved M (entry A t))).
  { intros A m S. apply (denotes_multiply _ _ m (width M) _
       (fun t => times (head_width M) (times (width M) (entry A t) (W_V M)) (W_O M))); [|apply W].
    apply (denotes_multiply _ _ m (head_width M) _ (fun t => times (width M) (entry A t) (W_V M)));
      [|apply W].
    apply denotes_multiply with (n := width M); [now apply denotes_itself|apply W]. }
  constructor; cbn [QK OV EU QK_positions OV_positions].
  - eapply enclose_sound; [|exact Hqk].
    apply (denotes_multiply_rows _ _ _ _ _ _ _ Hquery (Hkey _ _ (shape_W_E _ W))).
  - eapply enclose_sound; [|exact Hov]. apply (Hvalue _ _ (shape_W_E _ W)).
  - eapply enclose_sound; [|exact Heu]. apply denotes_multiply with (n := width M); [easy|apply W].
  - apply check_exact_sound.
    apply (denotes_multiply_rows _ _ _ _ _ _ _ Hquery (Hkey _ _ (shape_W_pos _ W))).
  - apply check_exact_sound. apply (Hvalue _ _ (shape_W_pos _ W)).
Qed.

(** ** Rounded tables *)

(** The entry in row [i] and column [j] is there, and it is [a]. *)
Definition cell (T : list (list Z)) (i j : nat) (a : Z) : Prop :=
  exists row, nth_error T i = Some row /\ nth_error row j = Some a.

(** Every entry of [f], scaled, lies between the two sides of [T]. *)
Definition fixed_ok (T : fixed_table) (m n : nat) (f : nat -> nat -> R) : Prop :=
  forall i j, (i < m)%nat -> (j < n)%nat ->
  exists a b, cell (fst T) i j a /\ cell (snd T) i j b /\ IZR a <= f i j <= IZR b.

Lemma cell_map (g : Z -> Z) A m n i j : has_shape A m n -> (i < m)%nat -> (j < n)%nat ->
  cell (map (map g) (rows A)) i j (g (nth j (nth i (rows A) []) 0%Z)).
Proof.
  intros S Hi Hj. pose proof (shape_row A m n i S Hi) as L. destruct S as [LA _].
  exists (map g (nth i (rows A) [])). split.
  - rewrite nth_error_map, (nth_error_nth' (rows A) []) by lia. easy.
  - rewrite nth_error_map, (nth_error_nth' _ 0%Z) by lia. easy.
Qed.

Lemma round_table_ok E m n f b : encloses_table E m n f ->
  fixed_ok (round_table E b) m n (fun i j => pow2 b * f i j).
Proof.
  intros (SL & SU & H) i j Hi Hj. specialize (H i j Hi Hj). unfold round_table.
  pose proof (pow2_pos b) as P.
  do 2 eexists. split; [|split]; [now apply (cell_map _ _ m n)..|].
  cbn [fst snd]. split.
  - eapply Rle_trans; [apply shift_down_le|]. rewrite pow2_add.
    replace (IZR (nth j (nth i (rows (lower E)) []) 0%Z) * (pow2 (exponent (lower E)) * pow2 b))
      with (pow2 b * entry (lower E) i j) by (unfold entry, pow2; ring).
    apply Rmult_le_compat_l; lra.
  - eapply Rle_trans; [|apply shift_up_ge]. rewrite pow2_add.
    replace (IZR (nth j (nth i (rows (upper E)) []) 0%Z) * (pow2 (exponent (upper E)) * pow2 b))
      with (pow2 b * entry (upper E) i j) by (unfold entry, pow2; ring).
    apply Rmult_le_compat_l; lra.
Qed.

Record fixed_tables_ok (M : model) (b : Z) (F : fixed_tables) : Prop := FixedTablesOk {
  fixed_OV_ok : fixed_ok (fixed_OV F) (vocabulary M) (outputs M) (fun t o => pow2 b * real_OV M t o);
  fixed_EU_ok : fixed_ok (fixed_EU F) (vocabulary M) (outputs M) (fun q o => pow2 b * real_EU M q o);
  fixed_positions_ok :
    fixed_ok (fixed_positions F) (positions M) (outputs M) (fun j o => pow2 b * real_OV_positions M j o)
}.

Lemma fix_tables_ok M T b : tables_ok M T -> fixed_tables_ok M b (fix_tables T b).
Proof.
  intros []. constructor; cbn [fix_tables fixed_OV fixed_EU fixed_positions]; now apply round_table_ok.
Qed.

(** ** Attention weights are enclosed, up to a positive factor a query *)

Lemma fold_max_ge l : forall a, (a <= fold_left Z.max l a)%Z /\ forall x, In x l -> (x <= fold_left Z.max l
  a)%Z.
Proof.
  induction l as [|y l IH]; intros a; simpl; [split; [lia|easy]|].
  destruct (IH (Z.max a y)) as [A B]. split; [lia|]. intros x [<-|H]; [lia|auto].
Qed.

Lemma list_max_ge l x : In x l -> (x <= list_max l)%Z.
Proof.
  destruct l as [|a l]; [easy|]. simpl. destruct (fold_max_ge l a) as [A B]. intros [<-|H]; auto.
Qed.

Lemma fold_min_le l : forall a, (fold_left Z.min l a <= a)%Z /\ forall x, In x l -> (fold_left Z.min l a <=
  x)%Z.
Proof.
  induction l as [|y l IH]; intros a; simpl; [split; [lia|easy]|].
  destruct (IH (Z.min a y)) as [A B]. split; [lia|]. intros x [<-|H]; [lia|auto].
Qed.

Lemma list_min_le l x : In x l -> (list_min l <= x)%Z.
Proof.
  destruct l as [|a l]; [easy|]. simpl. destruct (fold_min_le l a) as [A B]. intros [<-|H]; auto.
Qed.

Lemma fold_left_min_in l : forall a, In (fold_left Z.min l a) (a :: l).
Proof.
  induction l as [|y l IH]; intros a; simpl; [now left|].
  destruct (IH (Z.min a y)) as [E|H]; [|auto].
  rewrite <- E. destruct (Z.min_spec a y) as [[_ ->]|[_ ->]]; auto.
Qed.

Lemma fold_max_in l : forall a, In (fold_left Z.max l a) (a :: l).
Proof.
  induction l as [|y l IH]; intros a; simpl; [now left|].
  destruct (IH (Z.max a y)) as [E|H]; [|auto].
  rewrite <- E. destruct (Z.max_spec a y) as [[_ ->]|[_ ->]]; auto.
Qed.

Lemma list_max_in l : l <> [] -> In (list_max l) l.
Proof. destruct l as [|a l]; [easy|]. intros _. apply fold_max_in. Qed.

Definition weights_ok (T : fixed_table) (m n : nat) (eb : Z) (s : nat -> nat -> R) : Prop :=
  forall i, (i < m)%nat -> exists scale, 0 < scale /\
  forall j, (j < n)%nat ->
  exists a b, cell (fst T) i j a /\ cell (snd T) i j b /\ (0 <= a)%Z /\
              IZR a <= pow2 eb * (exp (s i j) * scale) <= IZR b.

Lemma nth_error_zip_map (tops : list Z) table i j top a :
  nth_error tops i = Some top -> cell table i j a ->
  cell (zip_with (fun top row => map (Z.sub top) row) tops table) i j (top - a).
Proof.
  intros Ht (row & Hr & Ha). exists (map (Z.sub top) row). split.
  - now apply (nth_error_zip (fun top row => map (Z.sub top) row)).
  - now rewrite nth_error_map, Ha.
Qed.

Lemma cell_map_map (g : Z -> Z) table i j a : cell table i j a -> cell (map (map g) table) i j (g a).
Proof.
  intros (row & Hr & Ha). exists (map g row). split; [now rewrite nth_error_map, Hr|].
  now rewrite nth_error_map, Ha.
Qed.

Lemma exponentials_ok E head sb eb m n f :
  (0 < head)%nat -> (0 <= eb)%Z -> (sb <= eb + 16)%Z -> encloses_table E m n f ->
  weights_ok (exponentials E head sb eb) m n eb (fun i j => f i j / sqrt (INR head)).
Proof.
  intros Hh Heb Hsb (SL & SU & H) i Hi. unfold exponentials.
  set (divisor := Z.of_nat head).
  assert (Hd : (0 < divisor)%Z) by (unfold divisor; lia).
  set (down := map (map (fun k => root_down k (exponent (lower E) + sb) divisor)) (rows (lower E))).
  set (up := map (map (fun k => root_up k (exponent (upper E) + sb) divisor)) (rows (upper E))).
  set (factors := exponential_factors _ _ _).
  set (top := list_max (nth i up [])).
  assert (Hup : (i < List.length up)%nat).
  { unfold up. rewrite map_length. destruct SU as [-> _]. easy. }
  assert (Htop : nth_error (map list_max up) i = Some top).
  { rewrite nth_error_map, (nth_error_nth' up []) by easy. reflexivity. }
  exists (exp (- (pow2 (- sb) * IZR top))). split; [apply exp_pos|]. intros j Hj.
  specialize (H i j Hi Hj).
  set (k := root_down (nth j (nth i (rows (lower E)) []) 0%Z) (exponent (lower E) + sb) divisor).
  set (l := root_up (nth j (nth i (rows (upper E)) []) 0%Z) (exponent (upper E) + sb) divisor).
  assert (Ck : cell down i j k) by (now apply (cell_map (fun k => root_down k (exponent (lower E) + sb)
    divisor) _ m n)).
  assert (Cl : cell up i j l) by (now apply (cell_map (fun k => root_up k (exponent (upper E) + sb) divisor)
    _ m n)).
  assert (Hr : 0 < / sqrt (INR head)).
  { apply Rinv_0_lt_compat, sqrt_lt_R0. rewrite INR_IZR_INZ. now apply IZR_lt. }
  set (s := f i j / sqrt (INR head)).
  pose proof (pow2_pos sb) as Psb.
  assert (Hk : IZR k <= s * pow2 sb).
  { unfold k. eapply Rle_trans; [now apply root_down_le|]. unfold divisor. rewrite <- INR_IZR_INZ, pow2_add.
    replace (IZR (nth j (nth i (rows (lower E)) []) 0%Z) * (pow2 (exponent (lower E)) * pow2 sb)
             / sqrt (INR head)) with (entry (lower E) i j * / sqrt (INR head) * pow2 sb)
      by (unfold entry, pow2, Rdiv; ring).
    apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; lra. }
  assert (Hl : s * pow2 sb <= IZR l).
  { unfold l. eapply Rle_trans; [|now apply root_up_ge]. unfold divisor. rewrite <- INR_IZR_INZ, pow2_add.
    replace (IZR (nth j (nth i (rows (upper E)) []) 0%Z) * (pow2 (exponent (upper E)) * pow2 sb)
             / sqrt (INR head)) with (entry (upper E) i j * / sqrt (INR head) * pow2 sb)
      by (unfold entry, pow2, Rdiv; ring).
    apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_r; lra. }
  assert (Hlt : (l <= top)%Z).
  { unfold top. apply list_max_ge. destruct Cl as (row & Er & El).
    apply nth_error_nth with (d := []) in Er. rewrite Er. eapply nth_error_In; eauto. }
  assert (Hkl : (k <= l)%Z) by (apply le_IZR; lra).
  exists (exponential_lower eb factors (top - k)), (exponential_upper eb factors (top - l)).
  cbn [fst snd]. split; [|split; [|split; [now apply exponential_lower_nonneg|]]].
  - apply cell_map_map. now apply nth_error_zip_map.
  - apply cell_map_map. now apply nth_error_zip_map.
  - pose proof (pow2_pos eb) as Peb. pose proof (pow2_opp sb) as O. pose proof (pow2_pos (- sb)) as Psb'.
    assert (Monotone : forall x y, x <= y -> exp x <= exp y).
    { intros x y [L|L]; [left; now apply exp_increasing|rewrite L; lra]. }
    rewrite <- exp_plus.
    assert (Hs : s = pow2 (- sb) * (s * pow2 sb)).
    { replace (pow2 (- sb) * (s * pow2 sb)) with (s * (pow2 sb * pow2 (- sb))) by ring. rewrite O. ring. }
    split.
    + eapply Rle_trans; [apply exponential_lower_le; [easy|easy|lia]|].
      apply Rmult_le_compat_l; [lra|]. apply Monotone. rewrite minus_IZR, Hs at 1.
      assert (pow2 (- sb) * IZR k <= pow2 (- sb) * (s * pow2 sb)) by (apply Rmult_le_compat_l; lra). lra.
    + eapply Rle_trans; [|apply exponential_upper_ge; [easy|easy|lia]].
      apply Rmult_le_compat_l; [lra|]. apply Monotone. rewrite minus_IZR, Hs at 1.
      assert (pow2 (- sb) * (s * pow2 sb) <= pow2 (- sb) * IZR l) by (apply Rmult_le_compat_l; lra). lra.
Qed.
