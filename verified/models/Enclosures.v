(** * An enclosure for every constructor

    For each step of a program, the ball of a row of its value from balls of rows of the operands
      , and the lemma
    that it holds the row. [p], [w] and [e] are the bits of values, weights and exponentials. *)

From Coq Require Import Reals ZArith List Lia Lra.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Matrices Tasks ProgramSemantics Balls.
Import ListNotations.
Open Scope Z_scope.

(** ** The enclosures *)

Definition add_ball (a b : ball) : ball := Ball (add_centres (centres a) (centres b)) (radius a + radius b).

Definition total_ball (l : list ball) : ball := fold_right add_ball (Ball [] 0) l.

(** [mixed] is the product of the centres and a matrix that is off by [o], and whose largest total of a column
    is [most]. *)
Definition linear_ball (w : Z) (mixed : list Z) (o most : Z) (b : ball) : ball :=
  let d := Z.of_nat (length (centres b)) in
  Ball (map (fun k => shift_down k (- w)) mixed)
       (shift_up (radius b * (most + d * o) + absolute_total (centres b) * o) (- w) + 1).

(** The product of [a], at scale 2^p, and [b], at scale 2^w. *)
Definition product_ball (w : Z) (a b : ball) : ball :=
  Ball (map (fun k => shift_down k (- w)) (zip_with Z.mul (centres a) (centres b)))
       (shift_up (radius a * (largest (centres b) + radius b) + largest (centres a) * radius b) (- w) + 1).

Definition center_ball (b : ball) : ball :=
  let mu := total_centres (centres b) / Z.of_nat (length (centres b)) in
  Ball (map (fun k => k - mu) (centres b)) (2 * radius b + 1).

Definition square_total (a : list Z) : Z := fold_right (fun x s => x * x + s) 0 a.

Definition rms_ball (p : Z) (eps : scalar) (b : ball) : ball :=
  let c := centres b in
  let d := Z.of_nat (length c) in
  let S := Z.sqrt ((square_total c + shift_down (d * mantissa eps) (power eps + 2 * p)) / d) in
  let bound := radius b + 1 in
  if S <=? bound then Ball (map (fun _ => 0) c) (Z.shiftl d p)
  else
    let c' := map (fun k => Z.shiftl k p / S) c in
    Ball c' (divide_up (Z.shiftl (radius b) p + (largest c' + 1) * bound) (S - bound) + 1).

Open Scope R_scope.

(** ** Sums *)

Lemma add_near p a b x y : near p a x -> near p b y -> near p (add_ball a b) (plus x y).
Proof.
  intros [La Ha] [Lb Hb]. split; cbn [add_ball centres radius].
  - rewrite length_plus, length_add_centres. lia.
  - intros j. specialize (Ha j). specialize (Hb j). rewrite nth_plus, nth_add_centres, !plus_IZR.
    replace ((nth j x 0 + nth j y 0) * pow2 p - (IZR (nth j (centres a) 0%Z) + IZR (nth j (centres b) 0%Z)))
      with ((nth j x 0 * pow2 p - IZR (nth j (centres a) 0%Z))
            + (nth j y 0 * pow2 p - IZR (nth j (centres b) 0%Z))) by ring.
    now apply Rabs_sum.
Qed.

Lemma empty_near p : near p (Ball [] 0) [].
Proof.
  split; [easy|]. intros j. cbn [centres radius]. rewrite !nth_overflow by (simpl; lia).
  rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. lra.
Qed.

Lemma total_near p l rs : Forall2 (near p) l rs -> near p (total_ball l) (fold_right plus [] rs).
Proof.
  induction 1 as [|b r l rs H _ IH]; [apply empty_near|]. now apply add_near.
Qed.

(** ** Products *)

Lemma column_totals_le U : forall j, (nth j (column_totals U) 0 <= largest (column_totals U))%Z.
Proof. intros j. pose proof (nth_le_largest (column_totals U) j). lia. Qed.

Lemma linear_near p w U o M b y : near p b y -> Forall2 (rounds w o) U M -> (0 <= o)%Z ->
  near p (linear_ball w (mix_centres (centres b) U) o (largest (column_totals U)) b) (times y M).
Proof.
  intros H HU O. pose proof (near_radius _ _ _ H) as R. apply near_forall2 in H.
  destruct (times_near p w (radius b) o _ _ H R _ _ HU O) as [L E].
  pose proof (absolute_total_nonneg (centres b)) as N.
  pose proof (column_totals_le U 0) as N1. pose proof (column_totals_nonneg U 0) as N2.
  apply rescaled_near; [easy|nia|].
  intros j. eapply Rle_trans; [apply E|]. apply IZR_le. pose proof (column_totals_le U j). nia.
Qed.

Lemma nth_entrywise a : forall b j, nth j (entrywise Rmult a b) 0 = nth j a 0 * nth j b 0.
Proof. induction a as [|x a IH]; intros [|y b] [|j]; simpl; try lra. apply IH. Qed.

Lemma nth_zip_mul a : forall b j, nth j (zip_with Z.mul a b) 0%Z = (nth j a 0 * nth j b 0)%Z.
Proof. induction a as [|x a IH]; intros [|y b] [|j]; simpl; try lia. apply IH. Qed.

Lemma length_entrywise f a : forall b, length (entrywise f a b) = Nat.min (length a) (length b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; try easy. now rewrite IH. Qed.

Lemma length_zip_with {A B C} (f : A -> B -> C) a : forall b,
  length (zip_with f a b) = Nat.min (length a) (length b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; try easy. now rewrite IH. Qed.

Lemma largest_nonneg a : (0 <= largest a)%Z.
Proof. unfold largest. induction a; simpl; lia. Qed.

Lemma product_near p w a b x y : near p a x -> near w b y ->
  near p (product_ball w a b) (entrywise Rmult x y).
Proof.
  intros Ha Hb. pose proof (near_radius _ _ _ Ha) as Ra. pose proof (near_radius _ _ _ Hb) as Rb.
  destruct Ha as [La Ha], Hb as [Lb Hb].
  pose proof (largest_nonneg (centres a)). pose proof (largest_nonneg (centres b)).
  apply rescaled_near; [rewrite length_zip_with, length_entrywise; lia|nia|].
  intros j. specialize (Ha j). specialize (Hb j). rewrite nth_entrywise, nth_zip_mul, mult_IZR.
  replace (nth j x 0 * nth j y 0 * pow2 (p + w)) with (nth j x 0 * pow2 p * (nth j y 0 * pow2 w))
    by (rewrite pow2_add; ring).
  eapply Rle_trans; [apply (product_error _ _ _ _ _ _ Ha Hb)|].
  rewrite <- !abs_IZR, <- !mult_IZR, <- !plus_IZR. apply IZR_le.
  pose proof (nth_le_largest (centres a) j). pose proof (nth_le_largest (centres b) j). nia.
Qed.

(** ** Means *)

Lemma row_sum_error p r c y : entries_near p r c y ->
  Rabs (row_sum y * pow2 p - IZR (total_centres c)) <= INR (length c) * IZR r.
Proof.
  unfold row_sum, total_centres. induction 1 as [|k x c y Hk _ IH]; cbn [fold_right length].
  - simpl. rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. lra.
  - rewrite S_INR, plus_IZR.
    replace ((x + fold_right Rplus 0 y) * pow2 p - (IZR k + IZR (fold_right Z.add 0%Z c)))
      with ((x * pow2 p - IZR k) + (fold_right Rplus 0 y * pow2 p - IZR (fold_right Z.add 0%Z c))) by ring.
    replace ((INR (length c) + 1) * IZR r) with (IZR r + INR (length c) * IZR r) by ring.
    now apply Rabs_sum.
Qed.

Lemma mean_error p r c y : entries_near p r c y -> c <> [] ->
  Rabs (mean y * pow2 p - IZR (total_centres c / Z.of_nat (length c))) <= IZR r + 1.
Proof.
  intros H N. pose proof (row_sum_error _ _ _ _ H) as E. apply forall2_length in H. unfold mean.
  rewrite <- H. set (d := length c) in *. assert (D : (0 < Z.of_nat d)%Z) by (destruct c; [easy|unfold d;
    simpl; lia]).
  pose proof (floor_divide (total_centres c) (Z.of_nat d) D) as F.
  rewrite INR_IZR_INZ in *. apply IZR_lt in D. set (D' := IZR (Z.of_nat d)) in *.
  set (m := IZR (total_centres c / Z.of_nat d)) in *. apply Rabs_le_iff in E. apply Rabs_le_iff.
  replace (row_sum y / D' * pow2 p) with (row_sum y * pow2 p / D') by (field; lra).
  split; apply Rmult_le_reg_r with D'; try easy.
  - replace ((row_sum y * pow2 p / D' - m) * D') with (row_sum y * pow2 p - m * D') by (field; lra). nra.
  - replace ((row_sum y * pow2 p / D' - m) * D') with (row_sum y * pow2 p - m * D') by (field; lra). nra.
Qed.

Lemma center_near p b y : near p b y -> near p (center_ball b) (centred y).
Proof.
  intros H. pose proof (near_radius _ _ _ H) as R. apply near_forall2 in H.
  unfold center_ball, centred.
  destruct (centres b) as [|k0 c0] eqn:E.
  - inversion H; subst. apply forall2_near; [lia|constructor].
  - rewrite <- E in *. assert (N : centres b <> []) by now rewrite E.
    pose proof (mean_error _ _ _ _ H N) as M. clear N E k0 c0.
    set (mu := (total_centres (centres b) / Z.of_nat (length (centres b)))%Z) in *. set (m := mean y) in *.
    clearbody mu m. apply forall2_near; [lia|].
    induction H as [|k x c y' Hk _ IH]; simpl map; constructor; [|easy].
    rewrite minus_IZR, plus_IZR, mult_IZR. apply Rabs_le_iff in Hk, M. apply Rabs_le_iff. lra.
Qed.

(** ** Root mean squares *)

Definition squares_sum (a : row) : R := row_sum (map (fun x => x * x) a).

Lemma squares_sum_nonneg a : 0 <= squares_sum a.
Proof. unfold squares_sum, row_sum. induction a; simpl; nra. Qed.

Definition absolute_sum (a : row) : R := row_sum (map Rabs a).

Lemma absolute_sum_nonneg a : 0 <= absolute_sum a.
Proof. unfold absolute_sum, row_sum. induction a as [|x a]; simpl; [lra|]. pose proof (Rabs_pos x). lra. Qed.

Lemma sum_of_absolutes t a : 2 * t * absolute_sum a <= squares_sum a + INR (length a) * (t * t).
Proof.
  unfold absolute_sum, squares_sum, row_sum. induction a as [|x a IH]; cbn [map fold_right length].
  - simpl. lra.
  - rewrite S_INR. assert (x * x = Rabs x * Rabs x) by (rewrite <- Rabs_mult, Rabs_right; nra).
    assert (0 <= (Rabs x - t) * (Rabs x - t)) by apply Rle_0_sqr. nra.
Qed.

(** The root of the mean square and [K]: it moves by no more than the entries do. *)
Definition norm (K : R) (a : row) : R := sqrt ((squares_sum a + K) / INR (length a)).

Lemma norm_moves K r a b : 0 <= K -> 0 <= r -> Forall2 (fun x y => Rabs (y - x) <= r) a b -> a <> [] ->
  norm K b <= norm K a + r.
Proof.
  intros HK Hr H N. unfold norm. rewrite <- (forall2_length _ _ _ H).
  set (d := INR (length a)). assert (D : 0 < d) by (apply lt_0_INR; destruct a; [easy|simpl; lia]).
  assert (B : squares_sum b <= squares_sum a + 2 * r * absolute_sum a + d * (r * r)).
  { unfold d, squares_sum, absolute_sum, row_sum. clear N D d. induction H as [|x y a b E _ IH]; simpl map;
    cbn [fold_right length].
    - simpl. lra.
    - rewrite S_INR. assert (y * y <= x * x + 2 * r * Rabs x + r * r); [|lra].
      assert (Y : Rabs y <= Rabs x + r).
      { replace y with (x + (y - x)) by ring. now apply Rabs_sum; [apply Rle_refl|]. }
      assert (y * y = Rabs y * Rabs y) by (rewrite <- Rabs_mult, Rabs_right; nra).
      assert (x * x = Rabs x * Rabs x) by (rewrite <- Rabs_mult, Rabs_right; nra).
      pose proof (Rabs_pos y). pose proof (Rabs_pos x). nra. }
  set (n := sqrt ((squares_sum a + K) / d)).
  pose proof (squares_sum_nonneg a) as S0. pose proof (absolute_sum_nonneg a) as A0.
  assert (Q0 : 0 <= (squares_sum a + K) / d).
  { unfold Rdiv. apply Rmult_le_pos; [lra|]. apply Rlt_le, Rinv_0_lt_compat, D. }
  assert (n0 : 0 <= n) by apply sqrt_pos.
  assert (nn : n * n * d = squares_sum a + K) by (unfold n; rewrite sqrt_sqrt by easy; field; lra).
  (* The mean of absolute values is below the norm. *)
  assert (M : absolute_sum a <= n * d).
  { pose proof (sum_of_absolutes (absolute_sum a / d) a) as C. fold d in C.
    replace (2 * (absolute_sum a / d) * absolute_sum a) with (2 * (absolute_sum a * absolute_sum a) / d) in C
      by (field; lra).
    replace (d * (absolute_sum a / d * (absolute_sum a / d))) with (absolute_sum a * absolute_sum a / d) in C
      by (field; lra).
    apply square_le; [nra|].
    assert (absolute_sum a * absolute_sum a / d <= squares_sum a) by lra.
    assert (absolute_sum a * absolute_sum a <= squares_sum a * d).
    { replace (absolute_sum a * absolute_sum a) with (absolute_sum a * absolute_sum a / d * d) by (field;
      lra).
      apply Rmult_le_compat_r; lra. }
    nra. }
  apply Rsqr_incr_0_var; [|lra]. rewrite Rsqr_sqrt.
  - unfold Rsqr. apply Rmult_le_reg_r with d; [easy|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. nra.
  - pose proof (squares_sum_nonneg b). unfold Rdiv. apply Rmult_le_pos; [lra|].
    apply Rlt_le, Rinv_0_lt_compat, D.
Qed.

Lemma squares_sum_scaled k a : squares_sum (map (Rmult k) a) = k * k * squares_sum a.
Proof.
  unfold squares_sum, row_sum. induction a as [|x a IH]; simpl; [ring|]. rewrite IH. ring.
Qed.

Lemma square_total_sum c : IZR (square_total c) = squares_sum (map IZR c).
Proof.
  unfold square_total, squares_sum, row_sum. induction c as [|k c IH]; simpl; [easy|].
  now rewrite plus_IZR, mult_IZR, IH.
Qed.

(** The centre's norm is enclosed by neighbouring integers. *)
Lemma norm_floor p eps c : c <> [] -> (0 < mantissa eps)%Z ->
  let d := Z.of_nat (length c) in
  let S := Z.sqrt ((square_total c + shift_down (d * mantissa eps) (power eps + 2 * p)) / d) in
  IZR S <= norm (IZR d * real eps * pow2 (2 * p)) (map IZR c) <= IZR S + 1.
Proof.
  intros N He d S. assert (D : (0 < d)%Z) by (unfold d; destruct c; [easy|simpl; lia]).
  set (K := IZR d * real eps * pow2 (2 * p)).
  assert (HK : K = IZR (d * mantissa eps) * pow2 (power eps + 2 * p)).
  { unfold K, real. rewrite mult_IZR, pow2_add. unfold pow2. ring. }
  set (t := shift_down (d * mantissa eps) (power eps + 2 * p)) in *.
  pose proof (shift_down_floor (d * mantissa eps) (power eps + 2 * p)) as T. fold t in T. rewrite <- HK in T.
  assert (t0 : (0 <= t)%Z) by (apply shift_down_nonneg; nia).
  assert (c0 : (0 <= square_total c)%Z).
  { unfold square_total. clear. induction c; simpl; nia. }
  set (n := (square_total c + t)%Z) in *. set (F := (n / d)%Z) in *.
  assert (F0 : (0 <= F)%Z) by (apply Z.div_pos; lia).
  pose proof (Z.sqrt_spec F F0) as Q. pose proof (Z.sqrt_nonneg F) as S0. fold S in Q, S0.
  pose proof (Z.mul_div_le n d D) as L. pose proof (Z.mul_succ_div_gt n d D) as U. fold F in L, U.
  unfold Z.succ in Q, U. unfold norm. rewrite map_length, INR_IZR_INZ. fold d.
  rewrite <- square_total_sum. apply IZR_lt in D as D'. apply IZR_le in S0 as S0'.
  set (X := (IZR (square_total c) + K) / IZR d).
  assert (X1 : IZR F <= X).
  { unfold X. apply Rmult_le_reg_r with (IZR d); [easy|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
    apply IZR_le in L. rewrite mult_IZR in L. unfold n in L. rewrite plus_IZR in L. lra. }
  assert (X2 : X <= IZR F + 1).
  { unfold X. apply Rmult_le_reg_r with (IZR d); [easy|]. unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra.
    assert (U' : (n + 1 <= d * (F + 1))%Z) by lia. apply IZR_le in U'.
    rewrite mult_IZR, !plus_IZR in U'. unfold n in U'. rewrite plus_IZR in U'. lra. }
  destruct Q as [Q1 Q2]. assert (Q2' : (F + 1 <= (S + 1) * (S + 1))%Z) by lia.
  apply IZR_le in Q1, Q2'. rewrite mult_IZR in Q1. rewrite mult_IZR, !plus_IZR in Q2'.
  assert (X0 : 0 <= X) by (apply IZR_le in F0; lra).
  pose proof (sqrt_pos X) as R0. pose proof (sqrt_sqrt X X0) as RR.
  split; apply square_le; nra.
Qed.

Lemma rms_scaled p eps y : y <> [] -> 0 < eps ->
  0 < norm (INR (length y) * eps * pow2 (2 * p)) (map (Rmult (pow2 p)) y) /\
  rms eps y = map (fun x => x * pow2 p / norm (INR (length y) * eps * pow2 (2 * p)) (map (Rmult (pow2 p)) y)) y.
Proof.
  intros N He. unfold norm. rewrite map_length, squares_sum_scaled.
  set (d := INR (length y)). assert (D : 0 < d) by (apply lt_0_INR; destruct y; [easy|simpl; lia]).
  pose proof (pow2_pos p) as P. pose proof (squares_sum_nonneg y) as S0.
  replace ((pow2 p * pow2 p * squares_sum y + d * eps * pow2 (2 * p)) / d)
    with (pow2 p * pow2 p * (squares_sum y / d + eps)).
  2: { replace (2 * p)%Z with (p + p)%Z by lia. rewrite pow2_add. field. lra. }
  assert (Q : 0 < squares_sum y / d + eps).
  { assert (0 <= squares_sum y / d); [|lra]. unfold Rdiv. apply Rmult_le_pos; [easy|].
    apply Rlt_le, Rinv_0_lt_compat, D. }
  assert (E : sqrt (pow2 p * pow2 p * (squares_sum y / d + eps)) = pow2 p * sqrt (squares_sum y / d + eps)).
  { rewrite sqrt_mult by nra. now rewrite sqrt_square by lra. }
  rewrite E. assert (R : 0 < sqrt (squares_sum y / d + eps)) by now apply sqrt_lt_R0.
  split; [now apply Rmult_lt_0_compat|].
  unfold rms. apply map_ext. intros x. unfold mean. rewrite map_length. fold (squares_sum y). fold d.
  field. lra.
Qed.

Lemma largest_map (f : Z -> Z) c k : In k c -> (Z.abs (f k) <= largest (map f c))%Z.
Proof.
  unfold largest. induction c as [|k' c IH]; simpl; [easy|]. intros [->|H]; [lia|]. specialize (IH H). lia.
Qed.

Lemma forall2_in {A B} (P Q : A -> B -> Prop) a b : Forall2 P a b ->
  (forall x y, In x a -> In y b -> P x y -> Q x y) -> Forall2 Q a b.
Proof.
  induction 1 as [|x y a b H _ IH]; intros HQ; constructor.
  - apply HQ; [now left|now left|easy].
  - apply IH. intros x' y' Hx Hy. apply HQ; now right.
Qed.

Lemma forall2_map {A B A' B'} (P : A' -> B' -> Prop) (f : A -> A') (g : B -> B') a b :
  Forall2 P (map f a) (map g b) <-> Forall2 (fun x y => P (f x) (g y)) a b.
Proof.
  revert b. induction a as [|x a IH]; intros [|y b]; simpl; split; inversion 1; subst; constructor; auto.
  - now apply IH.
  - now apply IH.
Qed.

Lemma member_square_le y x : In x y -> x * x <= squares_sum y.
Proof.
  unfold squares_sum, row_sum. induction y as [|z y IH]; simpl; [easy|].
  pose proof (squares_sum_nonneg y) as S. unfold squares_sum, row_sum in S.
  intros [->|H]; [lra|]. specialize (IH H). nra.
Qed.

Lemma rms_near p eps b y : (0 <= p)%Z -> (0 < mantissa eps)%Z -> near p b y ->
  near p (rms_ball p eps b) (rms (real eps) y).
Proof.
  intros Hp He H. pose proof (near_radius _ _ _ H) as R. pose proof (proj1 H) as L.
  destruct y as [|y0 y'].
  { unfold rms_ball. destruct b as [[|k c] r]; [|easy]. cbn [centres radius length].
    replace (Z.sqrt _) with 0%Z by (rewrite Zdiv_0_r; easy).
    cbn [radius] in R. replace (0 <=? r + 1)%Z with true by (symmetry; apply Z.leb_le; lia).
    rewrite Z.shiftl_0_l. apply empty_near. }
  set (y := y0 :: y') in *. assert (N : y <> []) by easy. clearbody y. clear y0 y'.
  assert (Nc : centres b <> []) by (destruct (centres b), y; easy).
  apply near_forall2 in H.
  assert (E0 : 0 < real eps).
  { unfold real. apply Rmult_lt_0_compat; [now apply IZR_lt|apply powerRZ_lt; lra]. }
  destruct (rms_scaled p (real eps) y N E0) as [Npos ->].
  destruct (norm_floor p eps _ Nc He) as [S1 S2]. unfold rms_ball.
  set (c := centres b) in *. set (r := radius b) in *.
  set (S := Z.sqrt _) in *.
  rewrite L in S1, S2. rewrite <- INR_IZR_INZ in S1, S2.
  set (K := INR (length y) * real eps * pow2 (2 * p)) in *.
  assert (K0 : 0 <= K).
  { unfold K. pose proof (pos_INR (length y)). pose proof (pow2_pos (2 * p)).
    apply Rmult_le_pos; [apply Rmult_le_pos|]; lra. }
  apply IZR_le in R as R'.
  assert (F1 : norm K (map (Rmult (pow2 p)) y) <= norm K (map IZR c) + IZR r).
  { apply norm_moves; [easy|easy| |now destruct c]. apply forall2_map.
    eapply forall2_in; [exact H|]. intros k x _ _ E. now rewrite (Rmult_comm (pow2 p)). }
  assert (F2 : norm K (map IZR c) <= norm K (map (Rmult (pow2 p)) y) + IZR r).
  { apply norm_moves; [easy|easy| |now destruct y]. apply forall2_map.
    assert (G : forall (a : list Z) (b : row), Forall2 (fun k x => Rabs (x * pow2 p - IZR k) <= IZR r) a b ->
               Forall2 (fun x k => Rabs (IZR k - pow2 p * x) <= IZR r) b a).
    { induction 1; constructor; [|easy]. rewrite Rabs_minus_sym, (Rmult_comm (pow2 p)). easy. }
    now apply G. }
  set (n := norm K (map (Rmult (pow2 p)) y)) in *. clear Nc.
  pose proof (pow2_pos p) as P.
  destruct (S <=? r + 1)%Z eqn:C.
  - (* No entry of the result is above the root of their number. *)
    apply forall2_near; [apply Z.shiftl_nonneg; lia|].
    apply forall2_map. eapply forall2_in; [exact H|]. intros k x _ Hx _. rewrite Rminus_0_r.
    rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR, Rabs_mult, (Rabs_right (pow2 p)) by (easy || lra).
    apply Rmult_le_compat_r; [lra|]. rewrite L, <- INR_IZR_INZ. set (d := INR (length y)).
    assert (D : 1 <= d).
    { unfold d. change 1 with (INR 1). apply le_INR. destruct y; [easy|simpl; lia]. }
    assert (Q : x * pow2 p / n * (x * pow2 p / n) <= d).
    { replace (x * pow2 p / n * (x * pow2 p / n)) with (x * pow2 p * (x * pow2 p) / (n * n)) by (field; lra).
      apply Rmult_le_reg_r with (n * n); [nra|]. unfold Rdiv at 1. rewrite Rmult_assoc, Rinv_l by nra.
      assert (NN : d * (n * n) = squares_sum (map (Rmult (pow2 p)) y) + K).
      { unfold n, norm. rewrite map_length. fold d. rewrite sqrt_sqrt; [field; lra|].
        pose proof (squares_sum_nonneg (map (Rmult (pow2 p)) y)).
        unfold Rdiv. apply Rmult_le_pos; [lra|]. apply Rlt_le, Rinv_0_lt_compat. lra. }
      rewrite NN. pose proof (member_square_le _ _ (in_map (Rmult (pow2 p)) _ _ Hx)). nra. }
    apply square_le; [lra|]. rewrite <- Rabs_mult, Rabs_right by nra. nra.
  - apply Z.leb_gt in C. apply IZR_lt in C as C'. rewrite plus_IZR in C'.
    set (c' := map (fun k => (Z.shiftl k p / S)%Z) c) in *. set (Y := (largest c' + 1)%Z).
    assert (Y0 : (0 < Y)%Z) by (pose proof (largest_nonneg c'); unfold Y; lia).
    set (top := (Z.shiftl r p + Y * (r + 1))%Z).
    assert (T : IZR top = IZR r * pow2 p + IZR Y * (IZR r + 1)).
    { unfold top. rewrite plus_IZR, mult_IZR, plus_IZR, Z.shiftl_mul_pow2, mult_IZR, pow2_IZR by easy. easy. }
    assert (SB : (0 < S - (r + 1))%Z) by lia.
    pose proof (divide_up_ge top (S - (r + 1)) SB) as G.
    apply IZR_lt in Y0 as Y0'. apply IZR_lt in SB as SB'. rewrite minus_IZR, plus_IZR in SB', G.
    set (q := divide_up top (S - (r + 1))) in *.
    assert (TQ : IZR top <= IZR q * (IZR S - (IZR r + 1))).
    { apply Rmult_le_reg_r with (/ (IZR S - (IZR r + 1))); [now apply Rinv_0_lt_compat|].
      rewrite Rmult_assoc, Rinv_r by lra. unfold Rdiv in G. lra. }
    assert (T0 : 0 <= IZR top) by (rewrite T; nra).
    assert (Q0 : 0 <= IZR q).
    { eapply Rle_trans; [|exact G]. unfold Rdiv. apply Rmult_le_pos; [easy|].
      apply Rlt_le, Rinv_0_lt_compat; easy. }
    apply forall2_near; [apply le_IZR in Q0; lia|]. unfold c'. apply forall2_map.
    eapply forall2_in; [exact H|]. intros k x Hk Hx E.
    pose proof (largest_map (fun k => (Z.shiftl k p / S)%Z) c k Hk) as B. fold c' in B. cbv beta in B.
    assert (S0 : (0 < S)%Z) by lia. apply IZR_lt in S0 as S0'.
    pose proof (floor_divide (Z.shiftl k p) S S0) as F.
    rewrite Z.shiftl_mul_pow2, mult_IZR, pow2_IZR in F by easy. rewrite Z.shiftl_mul_pow2 in * by easy.
    set (k' := (k * 2 ^ p / S)%Z) in *.
    assert (KB : Rabs (IZR k * pow2 p / IZR S) <= IZR Y).
    { unfold Y. rewrite plus_IZR. assert (B' := B). apply IZR_le in B'. rewrite abs_IZR in B'.
      replace (IZR k * pow2 p / IZR S) with (IZR k' + (IZR k * pow2 p / IZR S - IZR k')) by ring.
      apply Rabs_sum; [easy|]. apply Rabs_le_iff.
      assert (0 <= IZR k * pow2 p / IZR S - IZR k' <= 1); [|lra].
      split; apply Rmult_le_reg_r with (IZR S); try easy;
        replace ((IZR k * pow2 p / IZR S - IZR k') * IZR S) with (IZR k * pow2 p - IZR k' * IZR S)
          by (field; lra);
        lra. }
    set (u := IZR k * pow2 p / IZR S) in *.
    assert (FK : Rabs (u - IZR k') <= 1).
    { apply Rabs_le_iff. assert (0 <= u - IZR k' <= 1); [|lra].
      unfold u. split; apply Rmult_le_reg_r with (IZR S); try easy;
        replace ((IZR k * pow2 p / IZR S - IZR k') * IZR S) with (IZR k * pow2 p - IZR k' * IZR S)
          by (field; lra);
        lra. }
    rewrite plus_IZR.
    replace (x * pow2 p / n * pow2 p - IZR k') with (x * pow2 p / n * pow2 p - u + (u - IZR k')) by ring.
    apply Rabs_sum; [|easy].
    (* (x - k) 2^p / n, and k 2^p / S times (S - n) / n *)
    replace (x * pow2 p / n * pow2 p - u) with (((x * pow2 p - IZR k) * pow2 p + u * (IZR S - n)) * / n)
      by (unfold u; field; lra).
    rewrite Rabs_mult, (Rabs_right (/ n)) by (apply Rle_ge, Rlt_le, Rinv_0_lt_compat; lra).
    apply Rmult_le_reg_r with n; [easy|]. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    assert (A : Rabs ((x * pow2 p - IZR k) * pow2 p + u * (IZR S - n)) <= IZR top).
    { rewrite T. apply Rabs_sum; rewrite Rabs_mult.
      - rewrite (Rabs_right (pow2 p)) by lra. apply Rmult_le_compat_r; [lra|easy].
      - apply Rmult_le_compat; try apply Rabs_pos; [easy|]. apply Rabs_le_iff. lra. }
    eapply Rle_trans; [exact A|]. eapply Rle_trans; [exact TQ|]. apply Rmult_le_compat_l; lra.
Qed.

(** ** Exponentials

    [exp_lower] and [exp_upper] take a number k >= 0 in units of 2^-p, and bound 2^e exp (-k 2^-p). *)

Open Scope Z_scope.

(** Arguments have so many bits; beyond that, the exponential is nearly 0. *)
Definition argument_limit (p : Z) : Z := 2 ^ (p + 13) - 1.

Definition factors (p e : Z) : list (Z * Z) := exponential_factors p e (argument_limit p).

Definition exp_lower (e : Z) (F : list (Z * Z)) (k : Z) : Z := exponential_lower e F k.

Definition exp_upper (p e : Z) (F : list (Z * Z)) (k : Z) : Z :=
  exponential_upper e F (Z.min k (argument_limit p)).

Lemma exp_lower_spec p e k : 0 <= p <= e -> 0 <= k ->
  0 <= exp_lower e (factors p e) k /\
  (IZR (exp_lower e (factors p e) k) <= pow2 e * exp (- (pow2 (- p) * IZR k)))%R.
Proof.
  intros H K. split; [apply exponential_lower_nonneg|apply exponential_lower_le]; lia.
Qed.

Lemma exp_upper_spec p e k : 0 <= p <= e -> 0 <= k ->
  (pow2 e * exp (- (pow2 (- p) * IZR k)) <= IZR (exp_upper p e (factors p e) k))%R.
Proof.
  intros H K. assert (L : 0 <= argument_limit p).
  { unfold argument_limit. assert (0 < 2 ^ (p + 13)) by (apply Z.pow_pos_nonneg; lia). lia. }
  eapply Rle_trans; [|apply exponential_upper_ge; lia].
  pose proof (pow2_pos e) as P. pose proof (pow2_pos (- p)) as P'. apply Rmult_le_compat_l; [lra|].
  assert (M : (pow2 (- p) * IZR (Z.min k (argument_limit p)) <= pow2 (- p) * IZR k)%R).
  { apply Rmult_le_compat_l; [lra|]. apply IZR_le. lia. }
  destruct M as [M|M]; [left; apply exp_increasing; lra|right; now rewrite M].
Qed.

(** ** Attention *)

(** The score of a key and its error, in units of 2^-p; [g] is the scale, in units of 2^-e. *)
Definition score (p e g : Z) (q k : ball) : Z * Z :=
  let D := shift_down (dot (centres q) (centres k)) (- p) in
  let h := Z.of_nat (length (centres q)) in
  let E := shift_up (radius q * absolute_total (centres k) + radius k * absolute_total (centres q)
                     + h * radius q * radius k) (- p) + 1 in
  (shift_down (D * g) (- e), shift_up (E * (Z.abs g + 1) + Z.abs D) (- e) + 1).

Definition largest_of (l : list Z) : Z := fold_right Z.max 0 l.

(** The greatest of numbers. *)
Definition top_of (l : list Z) : Z := fold_right Z.max (hd 0 l) l.

(** The mean of the rows [vs] by the weights (lo, hi). *)
Definition average_ball (weights : list (Z * Z)) (vs : list ball) : ball :=
  let L := total_centres (map fst weights) in
  let mixed := mix_centres (map (fun b => fst b + snd b) weights) (map centres vs) in
  let A := largest_of (map (fun v => largest (centres v)) vs) in
  let R := largest_of (map radius vs) in
  if L =? 0 then Ball (map (fun _ => 0) mixed) (R + A)
  else
    let S := total_centres (map (fun b => fst b + snd b) weights) in
    let H := total_centres (map (fun b => snd b - fst b) weights) in
    Ball (map (fun k => k / S) mixed) (R + divide_up (H * A) L + 1).

Definition softmax_weights (p e : Z) (F : list (Z * Z)) (scores : list (Z * Z)) : list (Z * Z) :=
  let top := top_of (map (fun s => fst s + snd s) scores) in
  map (fun s => (exp_lower e F (top - fst s + snd s), exp_upper p e F (top - fst s - snd s))) scores.

Definition attend_ball (p e : Z) (F : list (Z * Z)) (g : Z) (q : ball) (ks vs : list ball) : ball :=
  average_ball (softmax_weights p e F (map (score p e g q) ks)) vs.

(** g, off by less than 1. *)
Definition attention_scale (e : Z) (s : scalar) (m : nat) : Z :=
  root_down (mantissa s) (power s + e) (Z.of_nat m).

Open Scope R_scope.

Lemma attention_scale_error e s m : (1 <= m)%nat ->
  Rabs (real s / sqrt (INR m) * pow2 e - IZR (attention_scale e s m)) <= 1.
Proof.
  intros Hm. unfold attention_scale, real.
  pose proof (root_down_floor (mantissa s) (power s + e) (Z.of_nat m) ltac:(lia)) as F.
  rewrite <- INR_IZR_INZ, pow2_add in F. apply Rabs_le_iff. fold (pow2 (power s)).
  unfold Rdiv in *.
  replace (IZR (mantissa s) * pow2 (power s) * / sqrt (INR m) * pow2 e)
    with (IZR (mantissa s) * (pow2 (power s) * pow2 e) * / sqrt (INR m)) by ring. lra.
Qed.

Lemma dot_error p r r' a x : entries_near p r a x -> (0 <= r)%Z -> (0 <= r')%Z -> forall b y,
  entries_near p r' b y ->
  Rabs (inner x y * pow2 (p + p) - IZR (dot a b))
  <= IZR (r * absolute_total b + r' * absolute_total a + Z.of_nat (length a) * r * r').
Proof.
  intros Ha Hr Hr'. unfold inner, row_sum.
  induction Ha as [|k t a x Hk _ IH]; intros b y Hb.
  - cbn [entrywise fold_right dot]. rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. apply IZR_le.
    pose proof (absolute_total_nonneg b). simpl. nia.
  - destruct Hb as [|l u b y Hl Hb].
    + cbn [entrywise fold_right dot]. rewrite Rmult_0_l, Rminus_0_r, Rabs_R0. apply IZR_le.
      pose proof (absolute_total_nonneg (k :: a)). change (absolute_total []) with 0%Z. nia.
    + specialize (IH b y Hb). cbn [entrywise fold_right dot]. rewrite plus_IZR, mult_IZR.
      pose proof (product_error _ _ _ _ _ _ Hk Hl) as P.
      replace ((t * u + fold_right Rplus 0 (entrywise Rmult x y)) * pow2 (p + p)
               - (IZR k * IZR l + IZR (dot a b)))
        with (t * pow2 p * (u * pow2 p) - IZR k * IZR l
              + (fold_right Rplus 0 (entrywise Rmult x y) * pow2 (p + p) - IZR (dot a b)))
        by (rewrite pow2_add; ring).
      eapply Rle_trans; [apply Rabs_sum; [exact P|exact IH]|].
      rewrite <- !abs_IZR, <- !mult_IZR, <- !plus_IZR. apply IZR_le.
      cbn [length]. unfold absolute_total. cbn [fold_right]. fold (absolute_total a). fold (absolute_total b).
      rewrite Nat2Z.inj_succ. lia.
Qed.

(** A number over 2^k, rounded, with its error. *)
Lemma scaled_error x c b k : Rabs (x - IZR c) <= IZR b ->
  Rabs (x * pow2 (- k) - IZR (shift_down c (- k))) <= IZR (shift_up b (- k) + 1).
Proof.
  intros H. pose proof (floor_error c k) as F. pose proof (shift_up_ge b (- k)) as G.
  pose proof (pow2_pos (- k)) as P. rewrite plus_IZR.
  replace (x * pow2 (- k) - IZR (shift_down c (- k)))
    with ((x - IZR c) * pow2 (- k) + (IZR c * pow2 (- k) - IZR (shift_down c (- k)))) by ring.
  apply Rabs_sum; [|easy]. rewrite Rabs_mult, (Rabs_right (pow2 (- k))) by lra. nra.
Qed.

Lemma score_error p e s g q k x y : near p q x -> near p k y -> Rabs (s * pow2 e - IZR g) <= 1 ->
  Rabs (s * inner x y * pow2 p - IZR (fst (score p e g q k))) <= IZR (snd (score p e g q k)).
Proof.
  intros Hq Hk Hg. pose proof (near_radius _ _ _ Hq) as Rq. pose proof (near_radius _ _ _ Hk) as Rk.
  apply near_forall2 in Hq, Hk. pose proof (dot_error _ _ _ _ _ Hq Rq Rk _ _ Hk) as B.
  unfold score. cbn [fst snd]. apply (scaled_error _ _ _ p) in B.
  set (D := shift_down (dot (centres q) (centres k)) (- p)) in *. set (E := (shift_up _ (- p) + 1)%Z) in *.
  replace (inner x y * pow2 (p + p) * pow2 (- p)) with (inner x y * pow2 p) in B.
  2: { rewrite pow2_add. replace (inner x y * (pow2 p * pow2 p) * pow2 (- p))
         with (inner x y * pow2 p * (pow2 p * pow2 (- p))) by ring. rewrite pow2_opp. ring. }
  set (T := inner x y * pow2 p) in *.
  assert (C : Rabs (s * pow2 e * T - IZR (D * g)) <= IZR (E * (Z.abs g + 1) + Z.abs D)).
  { rewrite plus_IZR, !mult_IZR, plus_IZR, !abs_IZR.
    replace (s * pow2 e * T - IZR D * IZR g)
      with (s * pow2 e * (T - IZR D) + IZR D * (s * pow2 e - IZR g)) by ring.
    apply Rabs_sum; rewrite Rabs_mult.
    - rewrite Rmult_comm. apply Rmult_le_compat; try apply Rabs_pos; [easy|].
      replace (s * pow2 e) with (IZR g + (s * pow2 e - IZR g)) by ring. apply Rabs_sum; [lra|easy].
    - rewrite <- (Rmult_1_r (Rabs (IZR D))) at 2. apply Rmult_le_compat_l; [apply Rabs_pos|easy]. }
  apply (scaled_error _ _ _ e) in C.
  replace (s * inner x y * pow2 p) with (s * pow2 e * T * pow2 (- e)); [exact C|].
  unfold T. replace (s * pow2 e * (inner x y * pow2 p) * pow2 (- e))
    with (s * inner x y * pow2 p * (pow2 e * pow2 (- e))) by ring. rewrite pow2_opp. ring.
Qed.

Lemma top_of_ge l k : In k l -> (k <= top_of l)%Z.
Proof.
  unfold top_of. generalize (hd 0%Z l) as d. intros d.
  induction l as [|x l IH]; simpl; [easy|]. intros [->|H]; [lia|]. specialize (IH H). lia.
Qed.

Lemma largest_of_ge l k : In k l -> (k <= largest_of l)%Z.
Proof.
  unfold largest_of. induction l as [|x l IH]; simpl; [easy|]. intros [->|H]; [lia|]. specialize (IH H). lia.
Qed.

Lemma largest_of_nonneg l : (0 <= largest_of l)%Z.
Proof. unfold largest_of. induction l; simpl; lia. Qed.

(** [x], up to a factor common to all, lies between [lo] and [hi]. *)
Definition between (x : R) (b : Z * Z) : Prop :=
  0 < x /\ (0 <= fst b)%Z /\ IZR (fst b) <= x <= IZR (snd b).

Lemma row_sum_nonneg a : Forall (fun x => 0 <= x) a -> 0 <= row_sum a.
Proof. unfold row_sum. induction 1; simpl; lra. Qed.

Lemma nth_times_bound p B a V : Forall (fun x => 0 <= x) a -> 0 <= B ->
  Forall (fun v => forall j, Rabs (nth j v 0 * pow2 p) <= B) V ->
  forall j, Rabs (nth j (times a V) 0 * pow2 p) <= row_sum a * B.
Proof.
  intros Ha HB HV. revert V HV. induction Ha as [|x a Hx Ha IH]; intros V HV j.
  - cbn [times]. replace (nth j [] 0) with 0 by now destruct j. rewrite Rmult_0_l, Rabs_R0. simpl. lra.
  - apply row_sum_nonneg in Ha. destruct HV as [|v V Hv HV].
    + cbn [times]. replace (nth j [] 0) with 0 by now destruct j. rewrite Rmult_0_l, Rabs_R0.
      unfold row_sum in *. cbn [fold_right]. nra.
    + specialize (IH V HV j). specialize (Hv j). cbn [times]. rewrite nth_plus, nth_scaled.
      replace ((x * nth j v 0 + nth j (times a V) 0) * pow2 p)
        with (x * (nth j v 0 * pow2 p) + nth j (times a V) 0 * pow2 p) by ring.
      change (row_sum (x :: a)) with (x + row_sum a). rewrite Rmult_plus_distr_r.
      apply Rabs_sum; [|easy]. rewrite Rabs_mult, (Rabs_right x) by lra. now apply Rmult_le_compat_l.
Qed.

Lemma row_sum_scaled k a : row_sum (map (Rmult k) a) = k * row_sum a.
Proof. unfold row_sum. induction a as [|x a IH]; simpl; [ring|]. rewrite IH. ring. Qed.

Lemma length_mix p cs V : Forall2 (fun (c : ball) v => near p c v) cs V -> forall (ws : list Z) (xs : row),
  length ws = length xs -> length (mix_centres ws (map centres cs)) = length (times xs V).
Proof.
  induction 1 as [|c v cs V [L _] _ IH]; intros [|w ws] [|x xs] E; try discriminate; try easy.
  cbn [map mix_centres times]. rewrite length_add_centres, length_plus, !map_length, (IH ws xs);
    simpl in E; lia.
Qed.

Lemma length_times a a' V : length a = length a' -> length (times a V) = length (times a' V).
Proof.
  revert a' V. induction a as [|x a IH]; intros [|x' a'] [|v V] E; try discriminate; try easy.
  cbn [times]. rewrite !length_plus, !map_length. rewrite (IH a'); simpl in E; lia.
Qed.

(** The mean of rows [V] by the weights [xs], which are known up to a factor. *)
Lemma average_near p xs bs vs V : Forall2 between xs bs -> Forall2 (near p) vs V ->
  near p (average_ball bs vs) (times (map (Rmult (/ row_sum xs)) xs) V).
Proof.
  intros Hx HV. unfold average_ball.
  set (L := total_centres (map fst bs)). set (ws := map (fun b => (fst b + snd b)%Z) bs).
  set (hs := map (fun b => (snd b - fst b)%Z) bs).
  set (A := largest_of (map (fun v => largest (centres v)) vs)). set (R := largest_of (map radius vs)).
  pose proof (largest_of_nonneg (map (fun v => largest (centres v)) vs)) as A0. fold A in A0.
  pose proof (largest_of_nonneg (map radius vs)) as R0. fold R in R0.
  assert (Len : length (mix_centres ws (map centres vs)) = length (times (map (Rmult (/ row_sum xs)) xs) V)).
  { apply (length_mix p); [easy|]. unfold ws. rewrite !map_length. symmetry. now apply forall2_length in Hx. }
  (* Every value's ball, widened to a common radius. *)
  assert (HC : Forall2 (fun c v => length c = length v /\
            forall j, Rabs (nth j v 0 * pow2 p - IZR (nth j c 0%Z)) <= IZR R /\ Rabs (IZR (nth j c 0%Z))
              <= IZR A)
            (map centres vs) V).
  { rewrite <- (map_id V). apply forall2_map. eapply forall2_in; [exact HV|].
    intros b v Hb _ [Lb Nb]. split; [easy|]. intros j. split.
    - eapply Rle_trans; [apply Nb|]. apply IZR_le, largest_of_ge. now apply in_map.
    - rewrite <- abs_IZR. apply IZR_le. eapply Z.le_trans; [apply nth_le_largest|].
      apply largest_of_ge. exact (in_map (fun v => largest (centres v)) vs b Hb). }
  assert (X0 : Forall (fun x => 0 <= x) xs).
  { clear -Hx. induction Hx as [|x b xs bs (P & _) _ IH]; constructor; [lra|easy]. }
  pose proof (row_sum_nonneg xs X0) as S0. apply IZR_le in A0 as A0', R0 as R0'.
  destruct (L =? 0)%Z eqn:E.
  - apply near_entries; [now rewrite map_length|lia|]. intros j _.
    replace (nth j (map (fun _ : Z => 0%Z) (mix_centres ws (map centres vs))) 0%Z) with 0%Z
      by (symmetry; exact (map_nth (fun _ => 0%Z) _ 0%Z j)).
    rewrite Rminus_0_r, nth_times_scaled.
    assert (B : Rabs (nth j (times xs V) 0 * pow2 p) <= row_sum xs * (IZR R + IZR A)).
    { apply nth_times_bound; [easy|lra|].
      clear -HC. induction HC as [|c v cs V [_ H] _ IH]; constructor; [|easy]. intros j.
      destruct (H j) as [H1 H2]. replace (nth j v 0 * pow2 p)
        with (nth j v 0 * pow2 p - IZR (nth j c 0%Z) + IZR (nth j c 0%Z)) by ring. now apply Rabs_sum. }
    rewrite Rmult_assoc, Rabs_mult, plus_IZR. destruct (Req_dec (row_sum xs) 0) as [Z|Z].
    + rewrite Z in B. rewrite Rmult_0_l in B. pose proof (Rabs_pos (/ row_sum xs)).
      pose proof (Rabs_pos (nth j (times xs V) 0 * pow2 p)).
      replace (Rabs (nth j (times xs V) 0 * pow2 p)) with 0 by lra. lra.
    + assert (0 < / row_sum xs) by (apply Rinv_0_lt_compat; lra).
      rewrite (Rabs_right (/ _)) by lra. apply Rmult_le_reg_l with (row_sum xs); [lra|].
      rewrite <- Rmult_assoc, Rinv_r by easy. lra.
  - (* Twice each number has its centre, lo + hi, and its error, hi - lo. *)
    set (S := total_centres ws). set (H := total_centres hs).
    assert (W : Forall2 weighs (map (Rmult 2) xs) (map (fun b => (fst b + snd b, snd b - fst b)%Z) bs)).
    { clear -Hx. induction Hx as [|x [lo hi] xs bs (P & N & B1 & B2) _ IH]; simpl; constructor; [|easy].
      cbn [fst snd] in *. unfold weighs; cbn [fst snd].
      assert (lo <= hi)%Z by (apply le_IZR; lra). split; [lra|]. split; [lia|].
      rewrite plus_IZR, minus_IZR. apply Rabs_le_iff. lra. }
    assert (M1 : map fst (map (fun b => (fst b + snd b, snd b - fst b)%Z) bs) = ws) by now rewrite map_map.
    assert (M2 : map snd (map (fun b => (fst b + snd b, snd b - fst b)%Z) bs) = hs) by now rewrite map_map.
    assert (LS : (S - H = 2 * L)%Z).
    { unfold S, H, L, ws, hs, total_centres. clear. induction bs as [|b bs IH]; cbn [map fold_right] in *;
      lia. }
    assert (L0 : (0 <= L)%Z).
    { unfold L, total_centres. clear -Hx.
      induction Hx as [|x b xs bs (_ & N & _) _ IH]; cbn [map fold_right] in *; lia. }
    assert (H0 : (0 <= H)%Z).
    { unfold H, hs, total_centres. clear -Hx. induction Hx as [|x b xs bs (_ & _ & N) _ IH]; simpl; [lia|].
      assert (fst b <= snd b)%Z by (apply le_IZR; lra). simpl in IH. lia. }
    apply Z.eqb_neq in E. assert (L1 : (0 < L)%Z) by lia. assert (S1 : (0 < S)%Z) by lia.
    pose proof (quotient_error p (IZR R) (IZR A) _ _ (map centres vs) V (IZR S) (IZR H) W R0' A0') as Q.
    rewrite M1, M2 in Q. specialize (Q eq_refl eq_refl).
    assert (HS : IZR H < IZR S) by (apply IZR_lt; lia). specialize (Q HS HC).
    pose proof (divide_up_ge (H * A) L L1) as G. apply IZR_lt in L1 as L1', S1 as S1'.
    apply near_entries; [now rewrite map_length| |].
    + assert (0 <= divide_up (H * A) L)%Z; [|lia]. apply le_IZR. eapply Rle_trans; [|exact G].
      unfold Rdiv. apply Rmult_le_pos; [apply IZR_le; nia|]. now apply Rlt_le, Rinv_0_lt_compat.
    + intros j _. specialize (Q j). rewrite nth_times_scaled. rewrite nth_times_scaled, row_sum_scaled in Q.
      replace (nth j (map (fun k => (k / S)%Z) (mix_centres ws (map centres vs))) 0%Z)
        with (nth j (mix_centres ws (map centres vs)) 0 / S)%Z
        by (symmetry; exact (map_nth (fun k => (k / S)%Z) _ 0%Z j)).
      set (N := nth j (mix_centres ws (map centres vs)) 0%Z) in *.
      assert (F : Rabs (IZR N / IZR S - IZR (N / S)) <= 1).
      { pose proof (floor_divide N S S1) as F. apply Rabs_le_iff.
        assert (0 <= IZR N / IZR S - IZR (N / S) <= 1); [|lra].
        split; apply Rmult_le_reg_r with (IZR S); try easy;
          replace ((IZR N / IZR S - IZR (N / S)) * IZR S) with (IZR N - IZR (N / S) * IZR S) by (field;
            lra); nra. }
      replace (2 * IZR H * IZR A / (IZR S - IZR H)) with (IZR (H * A) / IZR L) in Q.
      2: { rewrite <- minus_IZR, LS, !mult_IZR. field. lra. }
      rewrite !plus_IZR.
      replace (/ row_sum xs * nth j (times xs V) 0) with (2 * nth j (times xs V) 0 / (2 * row_sum xs)).
      2: { destruct (Req_dec (row_sum xs) 0) as [Z|Z]; [|field; easy].
           (* No weight: then there is no row. *)
           destruct Hx as [|x b xs bs (P & _) Hx]; [|].
           - cbn [times]. replace (nth j [] 0) with 0 by now destruct j. unfold Rdiv. ring.
           - inversion X0; subst. pose proof (row_sum_nonneg xs ltac:(easy)).
             change (row_sum (x :: xs)) with (x + row_sum xs) in Z. lra. }
      replace (2 * nth j (times xs V) 0 / (2 * row_sum xs) * pow2 p - IZR (N / S))
        with ((2 * nth j (times xs V) 0 / (2 * row_sum xs) * pow2 p - IZR N / IZR S)
              + (IZR N / IZR S - IZR (N / S)))
        by ring.
      apply Rabs_sum; [|easy]. eapply Rle_trans; [exact Q|]. lra.
Qed.

Lemma exp_le a b : a <= b -> exp a <= exp b.
Proof. intros [H|H]; [left; now apply exp_increasing|now rewrite H; apply Rle_refl]. Qed.

Lemma softmax_scaled k ts : 0 < k ->
  softmax ts = map (Rmult (/ row_sum (map (fun t => k * exp t) ts))) (map (fun t => k * exp t) ts).
Proof.
  intros K. unfold softmax. rewrite map_map.
  assert (E : row_sum (map (fun t => k * exp t) ts) = k * row_sum (map exp ts)).
  { rewrite <- row_sum_scaled, map_map. easy. }
  rewrite E. destruct ts as [|t0 ts]; [easy|].
  assert (P : 0 < row_sum (map exp (t0 :: ts))).
  { change (0 < exp t0 + row_sum (map exp ts)). pose proof (exp_pos t0).
    assert (0 <= row_sum (map exp ts)); [|lra]. apply row_sum_nonneg. apply Forall_forall.
    intros y Hy. apply in_map_iff in Hy as (t & <- & _). pose proof (exp_pos t). lra. }
  apply map_ext. intros t. field. lra.
Qed.

(** The score [t] is enclosed by [a] and its error [z], and [top] is at least [a + z]. *)
Lemma weight_between p e top t a z : (0 <= p <= e)%Z -> Rabs (t * pow2 p - IZR a) <= IZR z -> (a + z
  <= top)%Z ->
  between (pow2 e * exp (- (pow2 (- p) * IZR top)) * exp t)
    (exp_lower e (factors p e) (top - a + z), exp_upper p e (factors p e) (top - a - z)).
Proof.
  intros H E T. assert (Z0 : (0 <= z)%Z) by (apply le_IZR; pose proof (Rabs_pos (t * pow2 p - IZR a)); lra).
  destruct (exp_lower_spec p e (top - a + z) H ltac:(lia)) as [L0 L].
  pose proof (exp_upper_spec p e (top - a - z) H ltac:(lia)) as U.
  pose proof (pow2_pos e) as P. pose proof (pow2_pos (- p)) as P'.
  split; [|split]; cbn [fst snd].
  - repeat apply Rmult_lt_0_compat; try apply exp_pos; easy.
  - easy.
  - rewrite Rmult_assoc, <- exp_plus.
    assert (X : - (pow2 (- p) * IZR top) + t = - (pow2 (- p) * (IZR top - t * pow2 p))).
    { replace (pow2 (- p) * (IZR top - t * pow2 p))
      with (pow2 (- p) * IZR top - t * (pow2 p * pow2 (- p))) by ring.
      rewrite pow2_opp. ring. }
    rewrite X. apply Rabs_le_iff in E. rewrite !plus_IZR, !minus_IZR in *.
    split; [eapply Rle_trans; [exact L|]|eapply Rle_trans; [|exact U]];
      (apply Rmult_le_compat_l; [lra|]; apply exp_le, Ropp_le_contravar, Rmult_le_compat_l; lra).
Qed.

Lemma attend_near p e s m q ks vs x K V : (0 <= p <= e)%Z -> (1 <= m)%nat ->
  near p q x -> Forall2 (near p) ks K -> Forall2 (near p) vs V ->
  near p (attend_ball p e (factors p e) (attention_scale e s m) q ks vs)
    (times (softmax (map (fun key => real s / sqrt (INR m) * inner x key) K)) V).
Proof.
  intros H Hm Hq HK HV. unfold attend_ball, softmax_weights.
  set (scores := map (score p e (attention_scale e s m) q) ks).
  set (ts := map (fun key => real s / sqrt (INR m) * inner x key) K).
  set (top := top_of (map (fun s => (fst s + snd s)%Z) scores)).
  assert (B : Forall2 (fun sc t => Rabs (t * pow2 p - IZR (fst sc)) <= IZR (snd sc)) scores ts).
  { unfold scores, ts. apply forall2_map. eapply forall2_in; [exact HK|]. intros k y _ _ Hk.
    apply score_error; [easy|easy|]. now apply attention_scale_error. }
  rewrite (softmax_scaled (pow2 e * exp (- (pow2 (- p) * IZR top)))).
  - apply average_near; [|easy].
    assert (T : forall sc, In sc scores -> (fst sc + snd sc <= top)%Z).
    { intros sc Hsc. apply top_of_ge. exact (in_map (fun s => (fst s + snd s)%Z) scores sc Hsc). }
    clearbody top scores ts. revert T.
    induction B as [|[a z] t scores ts E _ IH]; intros T; simpl; constructor.
    + apply weight_between; [easy|easy|]. now apply (T (a, z)); left.
    + apply IH. intros sc Hsc. apply T. now right.
  - apply Rmult_lt_0_compat; [apply pow2_pos|apply exp_pos].
Qed.
