(** * Rule [levels]

    Mirrors [checker/rules/levels.py] and [count_levels] of [checker/counting.py]. All positions but the last share one
    row of letters, so sequences are counted by how many of their tokens are the label and how many are in
    each band, with binomial coefficients, and whole branches are decided by their best and worst sums. *)

From Coq Require Import Reals ZArith List Lia Lra Permutation String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Tables Terms Bands.
Import ListNotations.
Open Scope Z_scope.

(** ** Binomial coefficients *)

Definition next_row (row : list Z) : list Z := zip_with Z.add (0 :: row) (row ++ [0]).

(** Row [n] of Pascal's triangle: how often 0, 1, ..., n of n tokens are chosen. *)
Fixpoint binomials (n : nat) : list Z :=
  match n with
  | O => [1]
  | S k => next_row (binomials k)
  end.

Fixpoint rows_from (count : nat) (row : list Z) : list (list Z) :=
  row :: match count with O => [] | S k => rows_from k (next_row row) end.

(** The first rows, computed once. *)
Definition pascal (n : nat) : list (list Z) := rows_from n [1].

Definition row_of (table : list (list Z)) (n : nat) : list Z :=
  match nth_error table n with Some row => row | None => binomials n end.

Lemma rows_from_nth count : forall j i row,
  nth_error (rows_from count (binomials j)) i = Some row -> row = binomials (j + i).
Proof.
  induction count as [|k IH]; intros j [|i] row H; simpl in H.
  - injection H as <-. now rewrite Nat.add_0_r.
  - now destruct i.
  - injection H as <-. now rewrite Nat.add_0_r.
  - change (next_row (binomials j)) with (binomials (S j)) in H.
    rewrite (IH _ _ _ H). f_equal. lia.
Qed.

Lemma row_of_pascal n i : row_of (pascal n) i = binomials i.
Proof.
  unfold row_of, pascal. destruct (nth_error _ i) eqn:E; [|easy].
  now apply (rows_from_nth n 0) in E.
Qed.

Lemma zip_with_length {A B C} (f : A -> B -> C) a : forall b, List.length a = List.length b ->
  List.length (zip_with f a b) = List.length a.
Proof. induction a as [|x a IH]; intros [|y b] H; simpl in *; try easy. rewrite IH; lia. Qed.

Lemma binomials_length n : List.length (binomials n) = S n.
Proof.
  induction n as [|n IH]; [easy|]. cbn [binomials]. unfold next_row.
  rewrite zip_with_length; cbn [List.length]; [lia|]. rewrite app_length. simpl. lia.
Qed.

Lemma binomials_head n : exists rest, binomials n = 1 :: rest.
Proof.
  induction n as [|n (rest & IH)]; [now exists []|]. cbn [binomials]. rewrite IH.
  unfold next_row. cbn [zip_with app]. now eexists.
Qed.

Lemma binomials_nonneg n : Forall (fun c => 0 <= c) (binomials n).
Proof.
  assert (Z : forall a b, Forall (fun c => 0 <= c) a -> Forall (fun c => 0 <= c) b ->
                          Forall (fun c => 0 <= c) (zip_with Z.add a b)).
  { induction a as [|x a IH]; intros [|y b] Ha Hb; simpl; try constructor.
    - inversion Ha; inversion Hb; subst. lia.
    - inversion Ha; inversion Hb; subst. now apply IH. }
  induction n as [|n IH]; cbn [binomials].
  - repeat constructor; lia.
  - apply Z; [constructor; [lia|easy]|]. apply Forall_app. split; [easy|]. repeat constructor; lia.
Qed.

(** ** Taking one letter out

    [spread coefficients 1 size v free base f] sums, over the number [i] of the [free] tokens that are of the
    letter [(v, size)], the coefficient [i] times [size^i] times [f (free - i) (base + i v)]. *)

Fixpoint spread (coefficients : list Z) (power size : Z) (v : vector) (free : nat) (base : vector)
  (f : nat -> vector -> Z) : Z :=
  match coefficients with
  | [] => 0
  | c :: rest =>
      c * power * f free base
      + spread rest (power * size) size v (Nat.pred free) (vector_add base v) f
  end.

Lemma spread_zip a : forall b power size v free base f, List.length a = List.length b ->
  spread (zip_with Z.add a b) power size v free base f
  = spread a power size v free base f + spread b power size v free base f.
Proof.
  induction a as [|x a IH]; intros [|y b] power size v free base f H; simpl in *; try easy.
  rewrite IH by lia. ring.
Qed.

Lemma spread_zero_end a : forall power size v free base f,
  spread (a ++ [0]) power size v free base f = spread a power size v free base f.
Proof. induction a as [|x a IH]; intros; simpl; [ring|]. now rewrite IH. Qed.

Lemma spread_scale a : forall c power size v free base f,
  spread a (power * c) size v free base f = c * spread a power size v free base f.
Proof.
  induction a as [|x a IH]; intros; simpl; [ring|].
  replace (power * c * size) with (power * size * c) by ring. rewrite IH. ring.
Qed.

Lemma spread_le a : forall power size v free base f g,
  Forall (fun c => 0 <= c) a -> 0 <= power -> 0 <= size -> (forall n b, f n b <= g n b) ->
  spread a power size v free base f <= spread a power size v free base g.
Proof.
  induction a as [|x a IH]; intros power size v free base f g Ha Hp Hs H; simpl; [lia|].
  inversion Ha; subst. apply Z.add_le_mono; [apply Z.mul_le_mono_nonneg_l; [nia|apply H]|].
  apply IH; try easy. nia.
Qed.

(** Pascal's rule, on counts: [k] tokens of the letter or of [row], then [j] tokens of [row]. *)
Lemma spread_binomials margin v size row k : forall j base,
  spread (binomials k) 1 size v (k + j) base (fun n b => count_sums margin (repeat row n) b)
  = count_sums margin (repeat ((v, size) :: row) k ++ repeat row j) base.
Proof.
  induction k as [|k IH]; intros j base.
  - cbn [binomials spread repeat app Nat.add]. ring.
  - cbn [binomials]. unfold next_row.
    rewrite spread_zip by (rewrite app_length; simpl; lia).
    rewrite spread_zero_end. cbn [spread Nat.add Nat.pred].
    rewrite spread_scale, IH.
    replace (S (k + j)) with (k + S j)%nat by lia. rewrite IH.
    rewrite (count_sums_rows margin (repeat ((v, size) :: row) k ++ repeat row (S j))
               (row :: repeat ((v, size) :: row) k ++ repeat row j))
      by (apply Permutation_sym, Permutation_middle).
    cbn [repeat app count_sums total fst snd]. ring.
Qed.

Lemma spread_binomials_all margin v size row k base :
  spread (binomials k) 1 size v k base (fun n b => count_sums margin (repeat row n) b)
  = count_sums margin (repeat ((v, size) :: row) k) base.
Proof.
  pose proof (spread_binomials margin v size row k 0 base) as H.
  rewrite Nat.add_0_r in H. cbn [repeat] in H. now rewrite app_nil_r in H.
Qed.

(** ** Branch and bound *)

Record summary := Summary { least : vector; most : vector; tokens : Z }.

Definition vector_most (vs : list vector) : vector :=
  match vs with [] => [] | v :: rest => fold_left vector_max rest v end.

Definition summary_of (row : list letter) : summary :=
  Summary (vector_least (map fst row)) (vector_most (map fst row)) (total snd row).

(** [base] plus [free] times [v]. *)
Definition extreme (base : vector) (free : nat) (v : vector) : vector :=
  zip_with (fun b x => b + Z.of_nat free * x) base v.

(** The index of the least entry. *)
Fixpoint worst_class (i : nat) (v : vector) (best : nat * Z) : nat :=
  match v with
  | [] => fst best
  | x :: rest => worst_class (S i) rest (if x <? snd best then (i, x) else best)
  end.

(** The element of least key, and the others. *)
Fixpoint pick {A} (key : A -> Z) (l : list A) : option (A * list A) :=
  match l with
  | [] => None
  | x :: l' =>
      match pick key l' with
      | None => Some (x, [])
      | Some (y, rest) => if key x <=? key y then Some (x, y :: rest) else Some (y, x :: rest)
      end
  end.

(** The number of sequences of [free] tokens of [row] that pass, [facts] being the summary of [row].
    [fuel] is the number of letters. *)
Fixpoint branch (fuel : nat) (table : list (list Z)) (margin : Z) (row : list letter) (facts : summary)
  (free : nat) (base : vector) : Z :=
  match free, row, fuel with
  | O, _, _ => if enough margin base then 1 else 0
  | S _, _ :: _, S fuel' =>
      let low := extreme base free (least facts) in
      if enough margin low then tokens facts ^ Z.of_nat free
      else if negb (enough margin (extreme base free (most facts))) then 0
      else
        let c := match low with [] => O | x :: rest => worst_class 1 rest (O, x) end in
        match pick (fun l => nth c (fst l) 0) row with
        | Some ((v, size), rest) =>
            let facts' := summary_of rest in
            spread (row_of table free) 1 size v free base
              (fun n b => branch fuel' table margin rest facts' n b)
        | None => 0
        end
  | S _, _, _ => 0
  end.

Lemma pick_permutation {A} (key : A -> Z) l : forall x rest,
  pick key l = Some (x, rest) -> Permutation l (x :: rest).
Proof.
  induction l as [|a l IH]; intros x rest H; simpl in H; [easy|].
  destruct (pick key l) as [[y r]|] eqn:E.
  - specialize (IH y r eq_refl). destruct (key a <=? key y); injection H as <- <-.
    + now constructor.
    + apply perm_trans with (a :: y :: r); [now constructor|apply perm_swap].
  - injection H as <- <-. destruct l as [|b l]; [repeat constructor|]. simpl in E.
    destruct (pick key l) as [[y r]|]; [|easy]. now destruct (key b <=? key y).
Qed.

Definition same_length (n : nat) (vs : list vector) : Prop := Forall (fun v => List.length v = n) vs.

Lemma forall2_refl (v : vector) : Forall2 Z.le v v.
Proof. induction v; constructor; [lia|easy]. Qed.

Lemma forall2_length {A B} (P : A -> B -> Prop) a b : Forall2 P a b -> List.length a = List.length b.
Proof. induction 1; simpl; lia. Qed.

Lemma vector_min_le n a b : List.length a = n -> List.length b = n ->
  List.length (vector_min a b) = n /\ Forall2 Z.le (vector_min a b) a /\ Forall2 Z.le (vector_min a b) b.
Proof.
  unfold vector_min. revert n b.
  induction a as [|x a IH]; intros n [|y b] Ha Hb; simpl in *; subst; try easy.
  destruct (IH _ b eq_refl) as (L & H & H'); [lia|].
  repeat split; [lia|constructor; [lia|easy]..].
Qed.

Lemma forall2_trans (a : vector) : forall b c, Forall2 Z.le a b -> Forall2 Z.le b c -> Forall2 Z.le a c.
Proof.
  induction a as [|x a IH]; intros b c H H'; inversion H; subst; inversion H'; subst; constructor; eauto; lia.
Qed.

Lemma vector_least_le n vs : same_length n vs -> forall v, In v vs -> Forall2 Z.le (vector_least vs) v.
Proof.
  destruct vs as [|w rest]; [easy|]. unfold vector_least. intros H.
  inversion H as [|x l Hw Hrest]; subst. clear H.
  revert w Hrest. induction rest as [|u rest IH]; intros w Hrest v Hv; simpl.
  - destruct Hv as [->|[]]. apply forall2_refl.
  - inversion Hrest as [|x l Hu Hr]; subst.
    destruct (vector_min_le (List.length w) w u eq_refl Hu) as (L & M & M').
    rewrite <- L in Hr. destruct Hv as [->|[->|Hv]].
    + apply forall2_trans with (vector_min v u); [|easy]. apply IH; [easy|now left].
    + apply forall2_trans with (vector_min w v); [|easy]. apply IH; [easy|now left].
    + apply IH; [easy|now right].
Qed.

Lemma enough_le margin a b : Forall2 Z.le a b -> enough margin a = true -> enough margin b = true.
Proof.
  unfold enough. induction 1 as [|x y a b L _ IH]; simpl; [easy|]. rewrite !Bool.andb_true_iff, !Z.leb_le.
  intros [H H']. split; [lia|auto].
Qed.

Lemma extreme_step worst v base free : Forall2 Z.le worst v ->
  Forall2 Z.le (extreme base (S free) worst) (extreme (vector_add base v) free worst).
Proof.
  intros H. unfold extreme, vector_add. revert base.
  induction H as [|x y worst v L _ IH]; intros [|b base]; cbn [zip_with]; constructor; [|apply IH].
  rewrite Nat2Z.inj_succ. nia.
Qed.

Lemma extreme_zero worst : forall base, List.length base = List.length worst -> extreme base 0 worst = base.
Proof.
  unfold extreme. induction worst as [|x worst IH]; intros [|b base] H; simpl in *; try easy.
  f_equal; [lia|]. apply IH. lia.
Qed.

Lemma extreme_zero_enough margin worst : forall base, List.length base = List.length worst ->
  enough margin (extreme base 0 worst) = true -> enough margin base = true.
Proof. intros base H. now rewrite extreme_zero. Qed.

(** If the worst sum passes, every sequence does. *)
Lemma all_pass margin row worst : sizes_nonneg row ->
  (forall l, In l row -> Forall2 Z.le worst (fst l)) ->
  forall free base, List.length base = List.length worst -> enough margin (extreme base free worst) = true ->
  total snd row ^ Z.of_nat free <= count_sums margin (repeat row free) base.
Proof.
  intros Hs Hw. induction free as [|free IH]; intros base L E.
  - cbn [repeat count_sums]. rewrite (extreme_zero_enough _ _ _ L E). simpl. lia.
  - cbn [repeat count_sums]. rewrite Nat2Z.inj_succ, Z.pow_succ_r by lia.
    rewrite Z.mul_comm, <- total_scale. apply total_le; intros l Hl. rewrite Z.mul_comm.
    unfold sizes_nonneg in Hs. rewrite Forall_forall in Hs.
    apply Z.mul_le_mono_nonneg_l; [now apply Hs|]. pose proof (Hw l Hl) as F.
    apply IH.
    + unfold vector_add. rewrite zip_with_length; [easy|]. rewrite L. apply (forall2_length _ _ _ F).
    + eapply enough_le; [|exact E]. now apply extreme_step.
Qed.

Definition row_ok (n : nat) (row : list letter) : Prop := sizes_nonneg row /\ same_length n (map fst row).

Lemma vector_least_length n vs : vs <> [] -> same_length n vs -> List.length (vector_least vs) = n.
Proof.
  destruct vs as [|v rest]; [easy|]. intros _ H. inversion H as [|x l Hv Hrest]; subst.
  pose proof (vector_least_le (List.length v) (v :: rest) H v (or_introl eq_refl)) as F.
  now apply forall2_length in F.
Qed.

Lemma branch_le fuel : forall table margin n row free base,
  (forall i, row_of table i = binomials i) -> row_ok n row -> List.length base = n ->
  branch fuel table margin row (summary_of row) free base <= count_sums margin (repeat row free) base.
Proof.
  induction fuel as [|fuel IH]; intros table margin n row free base T [Hs Hn] L.
  - destruct free; cbn [branch]; [reflexivity|].
    assert (0 <= count_sums margin (repeat row (S free)) base).
    { apply count_sums_nonneg, Forall_forall. intros x Hx. now apply repeat_spec in Hx as ->. }
    now destruct row.
  - destruct free as [|free]; cbn [branch]; [reflexivity|].
    assert (N : 0 <= count_sums margin (repeat row (S free)) base).
    { apply count_sums_nonneg, Forall_forall. intros x Hx. now apply repeat_spec in Hx as ->. }
    destruct row as [|l0 row0]; [easy|]. set (row := l0 :: row0) in *.
    assert (Hlen : List.length base = List.length (least (summary_of row))).
    { cbn [summary_of least]. rewrite (vector_least_length n); [easy|now unfold row|easy]. }
    destruct (enough margin (extreme base (S free) (least (summary_of row)))) eqn:E.
    + apply all_pass with (worst := least (summary_of row)); try easy.
      intros l Hl. apply (vector_least_le n); [easy|]. now apply in_map.
    + destruct (negb _); [easy|].
      match goal with |- context [pick ?key row] => destruct (pick key row) as [[[v size] rest]|] eqn:P end;
        [|easy].
      apply pick_permutation in P.
      assert (R : row_ok n ((v, size) :: rest)).
      { split; [unfold sizes_nonneg; now rewrite <- P|].
        unfold same_length. now rewrite <- (Permutation_map fst P). }
      destruct R as [Rs Rn]. inversion Rs as [|? ? Hsize Rs']; inversion Rn as [|? ? Hv Rn']; subst.
      simpl in Hsize, Hv.
      rewrite (count_sums_letters margin (repeat row (S free)) (repeat ((v, size) :: rest) (S free)))
        by (clear - P; induction (S free); simpl; constructor; auto).
      eapply Z.le_trans; [|apply Z.eq_le_incl, spread_binomials_all]. rewrite T.
      (* below, [base] always has the List.length of the letters' vectors *)
      assert (G : forall c power free' base', Forall (fun c => 0 <= c) c -> 0 <= power ->
        List.length base' = List.length v ->
        spread c power size v free' base'
          (fun n b => branch fuel table margin rest (summary_of rest) n b)
        <= spread c power size v free' base' (fun n b => count_sums margin (repeat rest n) b)).
      { induction c as [|x c IHc]; intros power free' base' Hc Hp Hb; cbn [spread]; [lia|].
        inversion Hc; subst. apply Z.add_le_mono.
        - apply Z.mul_le_mono_nonneg_l; [nia|]. apply (IH table margin (List.length v)); [easy| |easy].
          split; [easy|]. now rewrite Hv.
        - apply IHc; [easy|nia|]. unfold vector_add. now rewrite zip_with_length. }
      apply G; [apply binomials_nonneg|lia|]. now rewrite Hv.
Qed.

(** ** The count *)

(** The number of sequences of [others] tokens, at least one of them the label if [labelled] and the rest of
    [row], for which [last] plus the sum of their vectors is [margin] or more in every class. *)
Definition count_levels (table : list (list Z)) (margin : Z) (last label_term : vector)
  (row : list letter) (others : nat) (labelled : bool) : Z :=
  let facts := summary_of row in
  let f n b := branch (List.length row) table margin row facts n b in
  let coefficients := row_of table others in
  if labelled then
    spread (tl coefficients) 1 1 label_term (Nat.pred others) (vector_add last label_term) f
  else spread coefficients 1 1 label_term others last f.

Lemma spread_le_length c : forall table fuel margin row n v power free base,
  (forall i, row_of table i = binomials i) -> row_ok n row -> List.length v = n -> List.length base = n ->
  Forall (fun c => 0 <= c) c -> 0 <= power ->
  spread c power 1 v free base (fun n b => branch fuel table margin row (summary_of row) n b)
  <= spread c power 1 v free base (fun n b => count_sums margin (repeat row n) b).
Proof.
  induction c as [|x c IHc]; intros table fuel margin row n v power free base T R Hv Hb Hc Hp;
    cbn [spread]; [lia|].
  inversion Hc; subst. apply Z.add_le_mono.
  - apply Z.mul_le_mono_nonneg_l; [nia|]. now apply (branch_le fuel table margin (List.length v)).
  - apply (IHc table fuel margin row (List.length v)); try easy; [|lia]. unfold vector_add.
    now rewrite zip_with_length.
Qed.

Lemma count_levels_le table margin last label_term row others labelled n :
  (forall i, row_of table i = binomials i) -> row_ok n row -> List.length label_term = n -> List.length last
    = n ->
  count_levels table margin last label_term row others labelled <=
  count_sums margin (repeat ((label_term, 1) :: row) others) last
  - (if labelled then count_sums margin (repeat row others) last else 0).
Proof.
  intros T R Hl Hn.
  rewrite <- spread_binomials_all. unfold count_levels. rewrite T.
  destruct labelled.
  - pose proof (binomials_nonneg others) as N. destruct (binomials_head others) as (rest & E).
    rewrite E in *. cbn [spread tl]. inversion N; subst.
    rewrite !Z.mul_1_l.
    assert (spread rest 1 1 label_term (Nat.pred others) (vector_add last label_term)
        (fun n b => branch (List.length row) table margin row (summary_of row) n b)
      <= spread rest 1 1 label_term (Nat.pred others) (vector_add last label_term)
        (fun n b => count_sums margin (repeat row n) b)); [|lia].
    apply spread_le_length with (List.length label_term); try easy.
    unfold vector_add. now rewrite zip_with_length.
  - rewrite Z.sub_0_r. apply spread_le_length with n; try easy. apply binomials_nonneg.
Qed.

(** ** Bounds

    For all queries of the group at once: the bound of the last position's term, that of the label elsewhere,
    and one bound for every level of bands, whatever the position and the query. *)

Definition max_levels : nat := 64.

Record level_bounds := LevelBounds {
  level_last : vector;
  level_label : vector;
  level_letters : list letter
}.

Definition bound_levels (W : weights) (others m q1 q2 : nat) (k : check) (G : gaps) (sizes : list nat)
  : result level_bounds :=
  let b := bits k in
  let queries := (S q2 - q1)%nat in
  do known <- map_result (fun q => do w <- query_weights_of W others q m; Ok (q, w)) (seq q1 queries);
  let last := vector_least (map (fun p => last_term (snd p) b others (fst p) G) known) in
  let fixed := vector_add (vector_least (firstn queries (skipn q1 (gap_EU G))))
                          (vector_least (firstn others (gap_positions G))) in
  let low := list_min (map (fun p => label_low (snd p) b others) known) in
  let label_term := interval_product b (low, Z.shiftl 1 b) (vector_add fixed (nth m (gap_OV G) [])) in
  let heaviest := vector_most (map (fun p => band_weights (snd p) b sizes) known) in
  let band_terms := zip_with (fun w band => product_from_zero b w (vector_add fixed (vector_least band)))
                      heaviest (segments sizes (gap_OV G)) in
  let per_level := map Z.to_nat (levels k) in
  Ok (LevelBounds last label_term
        (letters_of (map vector_least (segments per_level band_terms))
                    (map list_sum (segments per_level sizes)))).

Definition same_lengths (B : level_bounds) : bool :=
  let n := List.length (level_last B) in
  ((List.length (level_label B) =? n)%nat
   && forallb (fun l => (List.length (fst l) =? n)%nat) (level_letters B))%bool.

Definition too_many_levels (B : level_bounds) : bool := (max_levels <? List.length (level_letters B))%nat.

Definition check_levels (table : list (list Z)) : group_rule_function := fun W others m q1 q2 k G =>
  let labelled := negb (q1 =? m)%nat in
  do sizes <- band_sizes (bands k) m;
  do B <- bound_levels W others m q1 q2 k G sizes;
  if negb (same_lengths B) then Decline "levels: vectors of different lengths"
  else if too_many_levels B then Decline "levels: more levels than max_levels"
  else Ok (count_levels table (margin k) (level_last B) (level_label B) (level_letters B) others labelled).

(** ** Soundness *)

Lemma vector_max_ge (a : vector) : forall b i x y, nth_error a i = Some x -> nth_error b i = Some y ->
  nth_error (vector_max a b) i = Some (Z.max x y).
Proof. intros b i x y Hx Hy. now apply nth_error_zip. Qed.

Lemma vector_most_ge (vs : list vector) i :
  (forall v, In v vs -> exists x, nth_error v i = Some x) ->
  vs <> [] -> exists y, nth_error (vector_most vs) i = Some y /\
    forall v x, In v vs -> nth_error v i = Some x -> x <= y.
Proof.
  destruct vs as [|v rest]; [easy|]. intros H _. cbn [vector_most]. revert v H.
  induction rest as [|w rest IH]; intros v H; cbn [fold_left].
  - destruct (H v (or_introl eq_refl)) as (y & Hy). exists y. split; [easy|].
    intros u x [<-|[]] E. rewrite Hy in E. injection E as <-. lia.
  - destruct (H v (or_introl eq_refl)) as (x & Hx).
    destruct (H w (or_intror (or_introl eq_refl))) as (y & Hy).
    pose proof (vector_max_ge _ _ _ _ _ Hx Hy) as Hxy.
    destruct (IH (vector_max v w)) as (z & Hz & Z').
    { intros u [<-|Hu]; [eauto|]. apply H. right. now right. }
    exists z. split; [easy|].
    pose proof (Z' _ _ (or_introl eq_refl) Hxy) as L.
    intros u x' [<-|[<-|Hu]] E.
    + rewrite Hx in E. injection E as <-. lia.
    + rewrite Hy in E. injection E as <-. lia.
    + apply Z' with u; [now right|easy].
Qed.

Lemma in_class_skipn n : forall sizes i t,
  in_class (skipn n sizes) i (t - list_sum (firstn n sizes)) -> (list_sum (firstn n sizes) <= t)%nat ->
  in_class sizes (n + i) t.
Proof.
  induction n as [|n IH]; intros [|w sizes] i t H L; simpl in *; try easy.
  - now rewrite Nat.sub_0_r in H.
  - split; [lia|]. apply IH; [|lia].
    now replace (t - w - list_sum (firstn n sizes))%nat with (t - (w + list_sum (firstn n sizes)))%nat by lia.
Qed.

Lemma in_class_firstn n : forall sizes t, (t < list_sum (firstn n sizes))%nat ->
  exists i, (i < n)%nat /\ in_class sizes i t.
Proof.
  induction n as [|n IH]; intros [|w sizes] t H; simpl in *; try lia.
  destruct (Nat.lt_ge_cases t w) as [L|L].
  - exists O. split; [lia|easy].
  - destruct (IH sizes (t - w)%nat ltac:(lia)) as (i & Hi & C). exists (S i). split; [lia|easy].
Qed.

(** A token of a level is in one of the level's bands. *)
Lemma in_level per_level : forall sizes c t,
  in_class (map list_sum (segments per_level sizes)) c t ->
  exists i, in_class sizes i t /\ in_class per_level c i.
Proof.
  induction per_level as [|n per_level IH]; intros sizes c t H; [easy|]. cbn [segments map] in H.
  destruct c as [|c]; cbn [in_class] in H.
  - destruct (in_class_firstn _ _ _ H) as (i & Hi & C). now exists i.
  - destruct H as [L H]. destruct (IH _ _ _ H) as (i & Hi & C).
    exists (n + i)%nat. split; [now apply in_class_skipn|]. simpl. split; [lia|].
    now replace (n + i - n)%nat with i by lia.
Qed.

Lemma level_sizes_le per_level : forall sizes,
  (list_sum (map list_sum (segments per_level sizes)) <= list_sum sizes)%nat.
Proof.
  induction per_level as [|n per_level IH]; intros sizes; simpl; [lia|].
  specialize (IH (skipn n sizes)). rewrite <- (firstn_skipn n sizes) at 3. rewrite list_sum_app. lia.
Qed.

Lemma in_class_some sizes : forall i, Forall (fun w => (0 < w)%nat) sizes -> (i < List.length sizes)%nat ->
  exists t, in_class sizes i t.
Proof.
  induction sizes as [|w sizes IH]; intros [|i] H L; simpl in *; try lia; inversion H; subst.
  - now exists O.
  - destruct (IH i) as (t & Ht); [easy|lia|]. exists (w + t)%nat. split; [lia|].
    now replace (w + t - w)%nat with t by lia.
Qed.

Lemma segments_length {A} sizes : forall l : list A, List.length (segments sizes l) = List.length sizes.
Proof. induction sizes as [|w sizes IH]; intros l; simpl; [easy|]. now rewrite IH. Qed.

Lemma zip_with_none {A B C} (f : A -> B -> C) : forall a b i,
  nth_error b i = None -> nth_error (zip_with f a b) i = None.
Proof.
  induction a as [|x a IH]; intros [|y b] [|i] H; simpl in *; try easy. now apply IH.
Qed.

Lemma band_sizes_positive runs m sizes : band_sizes runs m = Ok sizes -> Forall (fun w => (0 < w)%nat) sizes.
Proof.
  unfold band_sizes. destruct (negb _) eqn:F; [discriminate|]. destruct (_ <=? _); [|discriminate].
  intros H. injection H as <-. apply negb_false_iff in F. rewrite forallb_forall in F.
  apply Forall_forall. intros w Hw. apply in_flat_map in Hw as ([c z] & Hin & Hw).
  apply repeat_spec in Hw as ->. apply F in Hin. apply andb_true_iff in Hin as [_ Hz].
  apply Z.ltb_lt in Hz. simpl in *. lia.
Qed.

Lemma bound_levels_ok M eb W m q1 q2 k G sizes B (covers : nat -> Prop) :
  (2 <= positions M)%nat -> enclosed_weights M eb W -> (m < vocabulary M)%nat -> (q1 <= q2 <= m)%nat ->
  0 <= bits k -> (list_sum sizes <= m)%nat -> Forall (fun w => (0 < w)%nat) sizes ->
  (forall o, covers o -> exists c, gaps_ok M (bits k) m o c G) ->
  bound_levels W (positions M - 1) m q1 q2 k G sizes = Ok B ->
  spot_ok m (level_label B, level_letters B) /\
  forall q o, (q1 <= q <= q2)%nat -> covers o -> exists c,
    bounds (level_last B) c (pow2 (bits k) * term M q m o (positions M - 1) q) /\
    forall j t v, (j < positions M - 1)%nat -> In (t, v) (token_row m (level_label B, level_letters B)) ->
    bounds v c (pow2 (bits k) * term M q m o j t).
Proof.
  intros Hn HW Hm Hq Hb Hsizes Hpos HG H. unfold bound_levels in H.
  set (b := bits k) in *. set (others := (positions M - 1)%nat) in *.
  set (queries := (S q2 - q1)%nat) in *.
  apply bind_ok in H as (known & Hknown & H). injection H as <-.
  cbn [level_last level_label level_letters].
  set (fixed := vector_add (vector_least (firstn queries (skipn q1 (gap_EU G))))
                          (vector_least (firstn others (gap_positions G)))) in *.
  set (band_terms := zip_with _ _ _). set (per_level := map Z.to_nat (levels k)).
  apply map_result_ok in Hknown as [K1 K2].
  assert (Hweights : forall q w, In (q, w) known -> (q1 <= q <= q2)%nat /\ query_weights_ok M b q m w).
  { intros q w Hin. destruct (K2 _ Hin) as (q' & Hq' & E). apply bind_ok in E as (w' & Ew & E).
    injection E as -> ->. apply in_seq in Hq'. split; [unfold queries in Hq'; lia|].
    apply (query_weights_of_ok M eb W); try easy. unfold queries in Hq'. lia. }
  assert (Hall : forall q, (q1 <= q <= q2)%nat -> exists w, In (q, w) known).
  { intros q Hq'. destruct (K1 q) as ([q' w] & Hin & E); [apply in_seq; unfold queries; lia|].
    apply bind_ok in E as (w' & _ & E). injection E as -> ->. now exists w. }
  assert (Hband : forall t v, In (t, v) (expand 0 (letters_of (map vector_least (segments per_level band_terms))
                                        (map list_sum (segments per_level sizes)))) -> (t < m)%nat).
  { intros t v Ht. apply expand_in in Ht as (_ & i & Hi & _). rewrite Nat.sub_0_r in Hi.
    apply in_class_lt in Hi. pose proof (level_sizes_le per_level sizes). lia. }
  split.
  { split; cbn [snd]; [apply letters_of_nonneg|]. intros t Ht.
    apply in_map_iff in Ht as ([t' v] & <- & Ht). now apply Hband in Ht. }
  intros q o Hq' Ho. destruct (HG o Ho) as (c & HGc). exists c. pose proof HGc as [HE HO HP].
  destruct (Hall q Hq') as (w & Hw).
  (* the gap that does not depend on the token *)
  assert (Hfixed : forall q' j, (q1 <= q' <= q2)%nat -> (j < others)%nat ->
            bounds fixed c (pow2 b * D M q' m o + pow2 b * P M m o j)).
  { intros q' j Hq'' Hj. unfold fixed. apply bounds_add.
    - assert (EU_at : forall i, (i < queries)%nat -> exists v,
                nth_error (skipn q1 (gap_EU G)) i = Some v /\ bounds v c (pow2 b * D M (q1 + i) m o)).
      { intros i Hi. rewrite nth_error_skipn. apply HE. unfold queries in Hi. lia. }
      apply vector_least_bounds.
      + intros v Hv. apply in_firstn in Hv as (i & Hi & Ei). destruct (EU_at i Hi) as (v' & E' & B').
        assert (v = v') as -> by congruence. eauto.
      + destruct (EU_at (q' - q1)%nat) as (v & E & B'); [unfold queries; lia|].
        exists v. split; [eapply firstn_in; [|exact E]; unfold queries; lia|].
        now replace (q1 + (q' - q1))%nat with q' in B' by lia.
    - apply vector_least_bounds.
      + intros v Hv. apply in_firstn in Hv as (i & Hi & Ei).
        destruct (HP i) as (v' & E' & B'); [unfold others in Hi; lia|].
        assert (v = v') as -> by congruence. eauto.
      + destruct (HP j) as (v & E & B'); [unfold others in Hj; lia|].
        exists v. split; [eapply firstn_in; [exact Hj|exact E]|easy]. }
  split.
  - apply vector_least_bounds.
    + intros v Hv. apply in_map_iff in Hv as ([q' w'] & <- & Hin). destruct (Hweights _ _ Hin) as [Hq'' Hw'].
      exists (pow2 b * term M q' m o (positions M - 1) q')%R. apply last_term_ok; try easy; lia.
    + exists (last_term w b others q G).
      split; [now apply (in_map (fun p => last_term (snd p) b others (fst p) G)) in Hw|].
      destruct (Hweights _ _ Hw) as [_ Hw']. apply last_term_ok; try easy; lia.
  - intros j t v Hj Hv. destruct (Hweights _ _ Hw) as [_ Hww].
    destruct Hv as [Hv|Hv].
    + injection Hv as <- <-. cbn [fst]. unfold term. apply interval_product_ok; [apply weight_nonneg| |].
      * cbn [fst snd]. destruct (label_weight_ok _ _ _ _ _ Hww j Hj) as [L U]. split.
        -- eapply Rle_trans; [|exact L]. apply IZR_le, list_min_le.
           now apply (in_map (fun p => label_low (snd p) b others)) in Hw.
        -- rewrite Z.shiftl_1_l, pow2_IZR by easy. easy.
      * destruct (HO m (le_n m)) as (v & E & B'). rewrite (@nth_error_nth vector _ _ _ [] E).
        replace (pow2 b * (D M q m o + V M m o m + P M m o j))%R
          with (pow2 b * D M q m o + pow2 b * P M m o j + pow2 b * V M m o m)%R by ring.
        apply bounds_add; [now apply Hfixed|easy].
    + cbn [snd] in Hv. pose proof (Hband _ _ Hv) as Htm.
      apply expand_in in Hv as (_ & l & Hl & El). rewrite Nat.sub_0_r in Hl.
      (* the bound of any band is a bound of the term of each of its tokens *)
      assert (T : forall i t', in_class sizes i t' -> (t' < m)%nat -> exists u,
                nth_error band_terms i = Some u /\ bounds u c (pow2 b * term M q m o j t')).
      { intros i t' Hi Ht'.
        destruct (vector_most_ge (map (fun p => band_weights (snd p) b sizes) known) i) as (y & Ey & Hy).
        { intros u Hu. apply in_map_iff in Hu as ([q' w'] & <- & Hin).
          destruct (Hweights _ _ Hin) as [Hq'' Hw'].
          destruct (band_weights_ok _ _ _ _ _ Hw' sizes i t' j Hi ltac:(lia) Hj) as (x & Ex & _). eauto. }
        { destruct known; [easy|discriminate]. }
        destruct (band_weights_ok _ _ _ _ _ Hww sizes i t' j Hi ltac:(lia) Hj) as (x & Ex & Lx).
        assert (Hxy : x <= y).
        { apply (Hy (band_weights w b sizes)); [|easy].
          now apply (in_map (fun p => band_weights (snd p) b sizes)) in Hw. }
        destruct (HO t' ltac:(lia)) as (v' & E' & B').
        destruct (segments_in _ _ _ _ _ Hi E') as (band & Eband & Hv').
        eexists. split; [unfold band_terms; apply nth_error_zip; [exact Ey|exact Eband]|].
        cbn beta. unfold term. apply product_from_zero_ok; [apply weight_nonneg| |].
        - eapply Rle_trans; [exact Lx|]. now apply IZR_le.
        - replace (pow2 b * (D M q m o + V M m o t' + P M m o j))%R
            with (pow2 b * D M q m o + pow2 b * P M m o j + pow2 b * V M m o t')%R by ring.
          apply bounds_add; [now apply Hfixed|].
          apply vector_least_bounds; [|now exists v'].
          intros u Hu. destruct (segments_from _ _ _ _ _ Eband Hu) as (t'' & Ht'' & E'').
          pose proof (in_class_lt _ _ _ Ht'').
          destruct (HO t'' ltac:(lia)) as (u' & Eu & Bu). assert (u = u') as -> by congruence. eauto. }
      destruct (in_level _ _ _ _ Hl) as (i & Hi & Hli).
      destruct (T i t Hi Htm) as (u & Eu & Bu).
      destruct (segments_in _ _ _ _ _ Hli Eu) as (level & Elevel & Hu).
      rewrite (map_nth_error _ _ _ Elevel) in El. injection El as <-.
      apply vector_least_bounds; [|now exists u].
      (* every band has a token, and hence a bound *)
      intros u' Hu'. destruct (segments_from _ _ _ _ _ Elevel Hu') as (i' & Hi' & Ei').
      destruct (in_class_some sizes i') as (t' & Ht'); [easy| |].
      { rewrite <- (segments_length sizes (gap_OV G)). apply nth_error_Some.
        unfold band_terms in Ei'. intros Z. now rewrite (zip_with_none _ _ _ _ Z) in Ei'. }
      pose proof (in_class_lt _ _ _ Ht').
      destruct (T i' t' Ht' ltac:(lia)) as (u'' & Eu'' & Bu'').
      assert (u' = u'') as -> by congruence. eauto.
Qed.

Lemma map_repeat {A B} (f : A -> B) a n : map f (repeat a n) = repeat (f a) n.
Proof. induction n as [|n IH]; simpl; [easy|]. now rewrite IH. Qed.

Theorem check_levels_sound table : (forall n, row_of table n = binomials n) -> rule_sound (check_levels table).
Proof.
  intros Htable M eb W m q1 q2 k G covers count Hn HW Hm Hq Hb Hmargin HG H. unfold check_levels in H.
  cbv zeta in H. apply bind_ok in H as (sizes & Hsizes & H). apply bind_ok in H as (B & HB & H).
  destruct (same_lengths B) eqn:Hlen; [|discriminate]. cbn [negb] in H.
  destruct (too_many_levels _); [discriminate|]. injection H as <-.
  pose proof (band_sizes_positive _ _ _ Hsizes) as Hpos. apply band_sizes_sum in Hsizes.
  apply (bound_levels_ok M eb W m q1 q2 k G sizes B covers) in HB; try easy. destruct HB as [Hspot HB].
  unfold same_lengths in Hlen. apply andb_true_iff in Hlen as [L1 L2]. apply Nat.eqb_eq in L1.
  apply counted_from_spots with (margin := margin k) (base := level_last B)
    (spots := repeat (level_label B, level_letters B) (positions M - 1)); try easy.
  - apply repeat_length.
  - apply Forall_forall. intros p Hp. apply repeat_spec in Hp as ->. exact Hspot.
  - rewrite !map_repeat. unfold add_label. cbn [fst snd].
    apply count_levels_le with (List.length (level_last B)); try easy.
    split; [apply Hspot|]. unfold same_length. apply Forall_map. rewrite forallb_forall in L2.
    apply Forall_forall. intros l Hl. apply L2 in Hl. now apply Nat.eqb_eq in Hl.
  - intros q o Hq' Ho. destruct (HB q o Hq' Ho) as (c & B1 & B2). exists c, (pow2 (bits k)).
    split; [apply pow2_pos|]. split; [easy|].
    rewrite map_repeat. generalize (le_n (positions M - 1)). generalize (positions M - 1)%nat at 1 3 as n.
    intros n Hle. change O with (0 + 0)%nat.
    assert (G' : forall len first, (first + len <= positions M - 1)%nat ->
      rows_bound c (fun j t => pow2 (bits k) * term M q m o j t)%R first
        (repeat (token_row m (level_label B, level_letters B)) len)).
    { induction len as [|len IH]; intros first Hf; simpl; [easy|]. split; [|apply IH; lia].
      intros t v Hv. apply B2; [lia|easy]. }
    apply G'. lia.
Qed.
