(** * Balls: a row of integers and one radius

    A ball of [p] bits is a row of integers [c] and a radius [r]: it holds the rows of real numbers [y] of the
    same length with |y_k 2^p - c_k| <= r for every k.
    Every step of a program has a function on balls here, and
    a lemma that its result holds what the step computes of rows that the operands hold. *)

From Coq Require Import Reals ZArith List Lia Lra.
From CompactProofs Require Import Syntax Semantics Arithmetic Tasks ProgramSemantics.
Import ListNotations.
Open Scope Z_scope.

Record ball := Ball { centres : list Z; radius : Z }.

(** As [plus] and [times] of [ProgramSemantics], on integers. *)
Fixpoint add_centres (a b : list Z) : list Z :=
  match a, b with
  | x :: a', y :: b' => x + y :: add_centres a' b'
  | [], _ => b
  | _, [] => a
  end.

Fixpoint mix_centres (a : list Z) (M : list (list Z)) : list Z :=
  match a, M with
  | x :: a', r :: M' => add_centres (map (Z.mul x) r) (mix_centres a' M')
  | _, _ => []
  end.

Definition total_centres (a : list Z) : Z := fold_right Z.add 0 a.
Definition absolute_total (a : list Z) : Z := fold_right (fun x s => Z.abs x + s) 0 a.
Definition largest (a : list Z) : Z := fold_right (fun x s => Z.max (Z.abs x) s) 0 a.

Open Scope R_scope.

Definition near (p : Z) (b : ball) (y : row) : Prop :=
  length (centres b) = length y /\
  forall j, Rabs (nth j y 0 * pow2 p - IZR (nth j (centres b) 0%Z)) <= IZR (radius b).

(** ** Entries *)

Lemma nth_plus a : forall b j, nth j (plus a b) 0 = nth j a 0 + nth j b 0.
Proof. induction a as [|x a IH]; intros [|y b] [|j]; simpl; try lra. apply IH. Qed.

Lemma nth_add_centres a : forall b j,
  nth j (add_centres a b) 0%Z = (nth j a 0 + nth j b 0)%Z.
Proof. induction a as [|x a IH]; intros [|y b] [|j]; simpl; try lia. apply IH. Qed.

Lemma nth_scaled c a j : nth j (map (Rmult c) a) 0 = c * nth j a 0.
Proof. rewrite <- (Rmult_0_r c) at 1. apply map_nth. Qed.

Lemma nth_scaled_centres c a j : nth j (map (Z.mul c) a) 0%Z = (c * nth j a 0)%Z.
Proof. rewrite <- (Z.mul_0_r c) at 1. apply map_nth. Qed.

Lemma nth_abs a j : nth j (map Z.abs a) 0%Z = Z.abs (nth j a 0%Z).
Proof. exact (map_nth Z.abs a 0%Z j). Qed.

Lemma length_plus a : forall b, length (plus a b) = Nat.max (length a) (length b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; try easy. now rewrite IH. Qed.

Lemma length_add_centres a : forall b, length (add_centres a b) = Nat.max (length a) (length b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; try easy. now rewrite IH. Qed.

Lemma near_radius p b y : near p b y -> (0 <= radius b)%Z.
Proof.
  intros [L H]. apply le_IZR. eapply Rle_trans; [|apply (H (length y))]. apply Rabs_pos.
Qed.

(** Entries that are there suffice. *)
Lemma near_entries p c r y : length c = length y -> (0 <= r)%Z ->
  (forall j, (j < length y)%nat -> Rabs (nth j y 0 * pow2 p - IZR (nth j c 0%Z)) <= IZR r) ->
  near p (Ball c r) y.
Proof.
  intros L R H. split; [easy|]. intros j. destruct (Nat.lt_ge_cases j (length y)) as [J|J]; [now apply H|].
  cbn [centres radius]. rewrite !nth_overflow by lia. apply IZR_le in R.
  replace (0 * pow2 p - 0) with 0 by ring. now rewrite Rabs_R0.
Qed.

Lemma Rabs_le_iff x a : Rabs x <= a <-> - a <= x <= a.
Proof. unfold Rabs. destruct (Rcase_abs x); lra. Qed.

Lemma Rabs_sum a b x y : Rabs a <= x -> Rabs b <= y -> Rabs (a + b) <= x + y.
Proof. rewrite !Rabs_le_iff. lra. Qed.

(** A quotient is less than 1 above its floor. *)
Lemma floor_error c k : Rabs (IZR c * pow2 (- k) - IZR (shift_down c (- k))) <= 1.
Proof. pose proof (shift_down_floor c (- k)). apply Rabs_le_iff. lra. Qed.

(** ** Weights *)

(** floor (entry * 2^b), and how far that is from entry * 2^b at most. *)
Definition round_row (b x : Z) (u : list Z) : list Z := map (fun k => shift_down k (x + b)) u.
Definition round_rows (b : Z) (A : dyadic) : list (list Z) := map (round_row b (exponent A)) (rows A).
Definition off (b : Z) (A : dyadic) : Z := if (0 <=? exponent A + b)%Z then 0%Z else 1%Z.

Definition weight_balls (b : Z) (A : dyadic) : list ball := map (fun u => Ball u (off b A)) (round_rows b A).

(** The row [u] of integers, times 2^-w, is the row [y] of weights but for [o] in each entry. *)
Definition rounds (w o : Z) (u : list Z) (y : row) : Prop := near w (Ball u o) y.

Lemma off_nonneg b A : (0 <= off b A)%Z.
Proof. unfold off. destruct (_ <=? _)%Z; lia. Qed.

Lemma matrix_rounds b A : Forall2 (rounds b (off b A)) (round_rows b A) (matrix A).
Proof.
  unfold matrix, round_rows. set (o := off b A).
  assert (H : forall k, Rabs (IZR k * pow2 (exponent A) * pow2 b - IZR (shift_down k (exponent A + b)))
    <= IZR o).
  { intros k. rewrite Rmult_assoc, <- pow2_add. unfold o, off.
    destruct (0 <=? exponent A + b)%Z eqn:F.
    - apply Z.leb_le in F. unfold shift_down. rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by easy.
      rewrite Rminus_diag_eq, Rabs_R0 by easy. lra.
    - rewrite <- (Z.opp_involutive (exponent A + b)). apply floor_error. }
  pose proof (off_nonneg b A) as E. fold o in E.
  induction (rows A) as [|r l IH]; simpl; constructor; [|easy].
  apply near_entries; [unfold round_row; now rewrite !map_length|easy|]. rewrite map_length. intros j J.
  unfold round_row.
  rewrite (nth_indep _ 0 (IZR 0 * powerRZ 2 (exponent A))) by now rewrite map_length.
  rewrite (map_nth (fun k => IZR k * powerRZ 2 (exponent A))).
  rewrite (nth_indep (map _ r) 0%Z (shift_down 0 (exponent A + b))) by now rewrite map_length.
  rewrite (map_nth (fun k => shift_down k (exponent A + b))). apply H.
Qed.

Lemma weight_balls_near b A : Forall2 (near b) (weight_balls b A) (matrix A).
Proof.
  unfold weight_balls. pose proof (matrix_rounds b A) as H.
  induction H as [|u y U M Hu _ IH]; simpl; constructor; easy.
Qed.

(** ** A row times a matrix *)

(** The entries' absolute values, summed over rows. *)
Definition column_totals (U : list (list Z)) : list Z :=
  fold_right (fun u s => add_centres (map Z.abs u) s) [] U.

Lemma nth_le_largest a : forall j, (Z.abs (nth j a 0) <= largest a)%Z.
Proof.
  induction a as [|x a IH]; intros [|j]; simpl; try lia. specialize (IH j). fold (largest a). lia.
Qed.

Lemma absolute_total_nonneg a : (0 <= absolute_total a)%Z.
Proof. unfold absolute_total. induction a; simpl; lia. Qed.

Lemma column_totals_nonneg U : forall j, (0 <= nth j (column_totals U) 0)%Z.
Proof.
  induction U as [|u U IH]; intros j; simpl; [destruct j; lia|].
  fold (column_totals U). rewrite nth_add_centres. specialize (IH j).
  rewrite nth_abs. lia.
Qed.

Lemma product_error a k r b u e : Rabs (a - k) <= r -> Rabs (b - u) <= e ->
  Rabs (a * b - k * u) <= r * Rabs u + r * e + Rabs k * e.
Proof.
  intros Ha Hb. replace (a * b - k * u) with ((a - k) * u + (a - k) * (b - u) + k * (b - u)) by ring.
  pose proof (Rabs_pos u). pose proof (Rabs_pos k). pose proof (Rabs_pos (a - k)).
  pose proof (Rabs_pos (b - u)).
  repeat apply Rabs_sum; rewrite Rabs_mult;
    [apply Rmult_le_compat_r|apply Rmult_le_compat|apply Rmult_le_compat_l];
    easy.
Qed.

Lemma forall2_length {A B} (P : A -> B -> Prop) a b : Forall2 P a b -> length a = length b.
Proof. induction 1; simpl; lia. Qed.

Definition entries_near (p r : Z) (c : list Z) (y : row) : Prop :=
  Forall2 (fun k x => Rabs (x * pow2 p - IZR k) <= IZR r) c y.

Lemma near_forall2 p b y : near p b y -> entries_near p (radius b) (centres b) y.
Proof.
  destruct b as [c r]. intros [L H]. cbn [centres radius] in *. revert y L H.
  induction c as [|k c IH]; intros [|x y] L H; try discriminate; constructor.
  - apply (H 0%nat).
  - apply IH; [simpl in L; lia|]. intros j. apply (H (S j)).
Qed.

Lemma forall2_near p r c y : (0 <= r)%Z -> entries_near p r c y -> near p (Ball c r) y.
Proof.
  intros R H. apply near_entries; [now apply forall2_length in H|easy|].
  induction H as [|k x c y Hk _ IH]; intros j J; [easy|]. destruct j as [|j]; simpl; [easy|].
  apply IH. simpl in J. lia.
Qed.

Lemma times_near p w r e c y : entries_near p r c y -> (0 <= r)%Z ->
  forall U M, Forall2 (rounds w e) U M -> (0 <= e)%Z ->
  length (mix_centres c U) = length (times y M) /\
  forall j, Rabs (nth j (times y M) 0 * pow2 (p + w) - IZR (nth j (mix_centres c U) 0%Z))
    <= IZR (r * nth j (column_totals U) 0 + r * e * Z.of_nat (length c) + absolute_total c * e)%Z.
Proof.
  intros Hc Hr. induction Hc as [|k x c y Hk _ IH]; intros U M HU He.
  - split; [easy|]. intros j. pose proof (column_totals_nonneg U j) as N.
    replace (nth j (times [] M) 0) with 0 by now destruct j.
    replace (nth j (mix_centres [] U) 0%Z) with 0%Z by now destruct j.
    rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. apply IZR_le. simpl. nia.
  - pose proof (absolute_total_nonneg c) as A.
    destruct HU as [|u m U M Hu HU].
    + split; [easy|]. intros j. change (column_totals []) with (@nil Z).
      replace (nth j (times (x :: y) []) 0) with 0 by now destruct j.
      replace (nth j (mix_centres (k :: c) []) 0%Z) with 0%Z by now destruct j.
      replace (nth j [] 0%Z) with 0%Z by now destruct j.
      rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. apply IZR_le. cbn [absolute_total fold_right].
      fold (absolute_total c). nia.
    + destruct (IH U M HU He) as [L H]. clear IH. cbn [times mix_centres].
      rewrite length_plus, length_add_centres, !map_length. destruct Hu as [Lu Hu]. cbn [centres radius] in *.
      split; [lia|]. intros j. specialize (H j). specialize (Hu j).
      rewrite nth_plus, nth_add_centres, nth_scaled, nth_scaled_centres, plus_IZR, mult_IZR.
      cbn [column_totals fold_right absolute_total length].
      fold (column_totals U). fold (absolute_total c). rewrite nth_add_centres, nth_abs.
      pose proof (product_error _ _ _ _ _ _ Hk Hu) as P.
      replace ((x * nth j m 0 + nth j (times y M) 0) * pow2 (p + w)
               - (IZR k * IZR (nth j u 0%Z) + IZR (nth j (mix_centres c U) 0%Z)))
        with (x * pow2 p * (nth j m 0 * pow2 w) - IZR k * IZR (nth j u 0%Z)
              + (nth j (times y M) 0 * pow2 (p + w) - IZR (nth j (mix_centres c U) 0%Z)))
        by (rewrite pow2_add; ring).
      eapply Rle_trans; [apply Rabs_sum; [exact P|exact H]|].
      rewrite <- !abs_IZR, <- !mult_IZR, <- !plus_IZR. apply IZR_le. lia.
Qed.

(** Over 2^w, rounded: the radius is rounded up, and 1 more for the centres. *)
Lemma rescaled_near p w c y b : length c = length y -> (0 <= b)%Z ->
  (forall j, Rabs (nth j y 0 * pow2 (p + w) - IZR (nth j c 0%Z)) <= IZR b) ->
  near p (Ball (map (fun k => shift_down k (- w)) c) (shift_up b (- w) + 1)) y.
Proof.
  intros L B H. apply near_entries; [now rewrite map_length|..].
  - pose proof (shift_up_ge b (- w)) as G. apply IZR_le in B. pose proof (pow2_pos (- w)).
    assert (0 <= shift_up b (- w))%Z; [|lia]. apply le_IZR. nra.
  - intros j J. specialize (H j).
    rewrite (nth_indep _ 0%Z (shift_down 0 (- w))) by (rewrite map_length; lia).
    rewrite (map_nth (fun k => shift_down k (- w))). set (k := nth j c 0%Z) in *.
    pose proof (floor_error k w) as F. pose proof (shift_up_ge b (- w)) as G.
    pose proof (pow2_pos (- w)) as P.
    replace (nth j y 0 * pow2 p - IZR (shift_down k (- w)))
      with ((nth j y 0 * pow2 (p + w) - IZR k) * pow2 (- w) + (IZR k * pow2 (- w) - IZR (shift_down k (- w)))).
    + rewrite plus_IZR. apply Rabs_sum; [|easy]. rewrite Rabs_mult, (Rabs_right (pow2 (- w))) by lra. nra.
    + rewrite Rmult_minus_distr_r. rewrite pow2_add, <- (Rmult_assoc (nth j y 0))
      , (Rmult_assoc _ (pow2 w)), pow2_opp.
      ring.
Qed.

(** ** Averages with the weights of softmax

    A weight is known by a pair (w, h) of integers: it is a positive number x, up to a factor common to all,
    with |x - w| <= h. If S is the sum of all w and H that of all h, the averages of true values with true
    weights and of centres with the weights w differ by 2 H C / (S - H), where C bounds the centres. *)

Definition weighs (x : R) (wh : Z * Z) : Prop :=
  0 < x /\ (0 <= fst wh)%Z /\ Rabs (x - IZR (fst wh)) <= IZR (snd wh).

Lemma weighs_total xs whs : Forall2 weighs xs whs ->
  0 <= row_sum xs /\ Rabs (row_sum xs - IZR (total_centres (map fst whs)))
    <= IZR (total_centres (map snd whs)) /\
  (0 <= total_centres (map fst whs))%Z.
Proof.
  unfold row_sum, total_centres.
  induction 1 as [|x [w h] xs whs (X & W & E) _ (IH0 & IH & IH')]; cbn [fst snd map fold_right] in *.
  - rewrite Rminus_0_r, Rabs_R0. repeat split; lra || lia.
  - split; [lra|]. split; [|lia]. rewrite !plus_IZR.
    replace (x + fold_right Rplus 0 xs - (IZR w + IZR (fold_right Z.add 0%Z (map fst whs))))
      with (x - IZR w + (fold_right Rplus 0 xs - IZR (fold_right Z.add 0%Z (map fst whs)))) by ring.
    now apply Rabs_sum.
Qed.

Lemma average_error p S H X r C xs whs : Forall2 weighs xs whs ->
  0 <= S -> 0 <= X -> Rabs (S - X) <= H -> 0 <= r -> 0 <= C -> forall cs V,
  Forall2 (fun c v => length c = length v /\
             forall j, Rabs (nth j v 0 * pow2 p - IZR (nth j c 0%Z)) <= r /\ Rabs (IZR (nth j c 0%Z))
               <= C) cs V ->
  length (mix_centres (map fst whs) cs) = length (times xs V) /\
  forall j, Rabs (S * (nth j (times xs V) 0 * pow2 p) - X * IZR (nth j (mix_centres (map fst whs) cs) 0%Z))
    <= S * r * row_sum xs
       + C * (S * IZR (total_centres (map snd whs)) + H * IZR (total_centres (map fst whs))).
Proof.
  intros Hx HS HX HSX Hr HC. pose proof (Rabs_pos (S - X)) as HH.
  assert (P : 0 <= S * r) by now apply Rmult_le_pos.
  unfold row_sum, total_centres.
  induction Hx as [|x [w h] xs whs (Px & Pw & Ex) Hxs IH]; intros cs V HV; cbn [fst snd map fold_right] in *.
  - split; [easy|]. intros j. replace (nth j (times [] V) 0) with 0 by now destruct j.
    replace (nth j (mix_centres [] cs) 0%Z) with 0%Z by now destruct j.
    replace (S * (0 * pow2 p) - X * 0) with 0 by ring. rewrite Rabs_R0. nra.
  - apply weighs_total in Hxs as (T0 & T & T'). unfold row_sum, total_centres in T0, T, T'.
    pose proof (Rabs_pos (fold_right Rplus 0 xs - IZR (fold_right Z.add 0%Z (map fst whs)))) as T''.
    pose proof (Rabs_pos (x - IZR w)) as Ph. apply IZR_le in T', Pw.
    destruct HV as [|c v cs V [Lc Hc] HV].
    + split; [easy|]. intros j. cbn [times mix_centres]. replace (nth j [] 0) with 0 by now destruct j.
      replace (nth j [] 0%Z) with 0%Z by now destruct j.
      replace (S * (0 * pow2 p) - X * 0) with 0 by ring. rewrite Rabs_R0, !plus_IZR.
      apply Rplus_le_le_0_compat; [nra|]. apply Rmult_le_pos; [easy|]. apply Rplus_le_le_0_compat; nra.
    + destruct (IH cs V HV) as [L IHj]. clear IH. cbn [times mix_centres].
      rewrite length_plus, length_add_centres, !map_length. split; [lia|]. intros j.
      specialize (IHj j). destruct (Hc j) as [Hr' Hb]. clear Hc.
      rewrite nth_plus, nth_add_centres, nth_scaled, nth_scaled_centres, !plus_IZR, mult_IZR.
      set (vj := nth j v 0 * pow2 p) in *. set (cj := IZR (nth j c 0%Z)) in *.
      set (A := nth j (times xs V) 0) in *. set (B := IZR (nth j (mix_centres (map fst whs) cs) 0%Z)) in *.
      replace (S * ((x * nth j v 0 + A) * pow2 p) - X * (IZR w * cj + B))
        with ((S * x * (vj - cj) + (S * (x - IZR w) + (S - X) * IZR w) * cj) + (S * (A * pow2 p) - X * B))
        by (unfold vj; ring).
      assert (E1 : Rabs (S * x * (vj - cj)) <= S * x * r).
      { rewrite Rabs_mult, (Rabs_right (S * x)) by nra. apply Rmult_le_compat_l; [nra|easy]. }
      assert (E2 : Rabs ((S * (x - IZR w) + (S - X) * IZR w) * cj) <= (S * IZR h + H * IZR w) * C).
      { rewrite Rabs_mult. apply Rmult_le_compat; try apply Rabs_pos; [|easy].
        apply Rabs_sum; rewrite Rabs_mult.
        - rewrite (Rabs_right S) by lra. now apply Rmult_le_compat_l.
        - rewrite (Rabs_right (IZR w)) by lra. now apply Rmult_le_compat_r. }
      eapply Rle_trans; [apply Rabs_sum; [apply Rabs_sum; [exact E1|exact E2]|exact IHj]|].
      apply Req_le. ring.
Qed.

Lemma nth_times_scaled k xs : forall V j, nth j (times (map (Rmult k) xs) V) 0 = k * nth j (times xs V) 0.
Proof.
  induction xs as [|x xs IH]; intros [|v V] j; cbn [times map]; try (destruct j; simpl; ring).
  rewrite !nth_plus, !nth_scaled, IH. ring.
Qed.

(** The average, at scale 2^p, is within [r + 2 H C / (S - H)] of the quotient by [S]. *)
Lemma quotient_error p r C xs whs cs V S H :
  Forall2 weighs xs whs -> 0 <= r -> 0 <= C ->
  S = IZR (total_centres (map fst whs)) -> H = IZR (total_centres (map snd whs)) -> H < S ->
  Forall2 (fun c v => length c = length v /\
             forall j, Rabs (nth j v 0 * pow2 p - IZR (nth j c 0%Z)) <= r /\ Rabs (IZR (nth j c 0%Z))
               <= C) cs V ->
  forall j, Rabs (nth j (times xs V) 0 / row_sum xs * pow2 p
                  - IZR (nth j (mix_centres (map fst whs) cs) 0%Z) / S)
    <= r + 2 * H * C / (S - H).
Proof.
  intros Hx Hr HC ES EH HS HV j. destruct (weighs_total _ _ Hx) as (T0 & T & T').
  set (X := row_sum xs) in *. apply IZR_le in T'. rewrite <- ES, <- EH in *.
  assert (HX : S - H <= X) by (apply Rabs_le_iff in T; lra).
  assert (H0 : 0 <= H) by (pose proof (Rabs_pos (X - S)); lra).
  rewrite Rabs_minus_sym in T.
  destruct (average_error p S H X r C xs whs Hx ltac:(lra) T0 T Hr HC cs V HV) as [_ B].
  specialize (B j). fold X in B. rewrite <- ES, <- EH in B.
  set (A := nth j (times xs V) 0) in *. set (N := IZR (nth j (mix_centres (map fst whs) cs) 0%Z)) in *.
  replace (A / X * pow2 p - N / S) with ((S * (A * pow2 p) - X * N) * / (S * X)) by (field; lra).
  assert (HSX : 0 < S * X) by (apply Rmult_lt_0_compat; lra).
  rewrite Rabs_mult, (Rabs_right (/ _)) by (apply Rle_ge, Rlt_le, Rinv_0_lt_compat; easy).
  apply Rmult_le_reg_r with (S * X); [easy|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  eapply Rle_trans; [exact B|].
  assert (Q : 2 * H * C <= 2 * H * C / (S - H) * X).
  { unfold Rdiv. rewrite Rmult_assoc.
    assert (1 <= / (S - H) * X).
    { apply Rmult_le_reg_l with (S - H); [lra|]. rewrite <- Rmult_assoc, Rinv_r by lra. lra. }
    assert (0 <= 2 * H * C) by (apply Rmult_le_pos; lra). nra. }
  assert (S * (2 * H * C) <= S * (2 * H * C / (S - H) * X)) by (apply Rmult_le_compat_l; lra). nra.
Qed.
