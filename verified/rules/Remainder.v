(** * Why the bound of rule [low_rank] holds

    The mathematics behind [check_low_rank] and [check_norm], over the real numbers: the entry [a, b] of a
    product R_1 R_2 ... R_k is at most |R_1[a]| s_2 ... s_(k-1) |R_k[:, b]| (Cauchy and Schwarz), where the
    operator norm of R_i is at most s_i because s_i^2 I - R_i R_i^T - C C^T is diagonally dominant for some
    matrix C (Gershgorin). [LowRank] applies this to the integer matrices of a certificate. *)

From Coq Require Import Reals ZArith List Lia Lra.
From CompactProofs Require Import Syntax Semantics.
Import ListNotations.
Open Scope R_scope.

(** |x|^2 *)
Definition square_norm (n : nat) (x : nat -> R) : R := sum n (fun k => x k * x k).

(** The row vector [x] of [m] entries times the matrix [A]. *)
Definition row_times (m : nat) (x : nat -> R) (A : nat -> nat -> R) (j : nat) : R :=
  sum m (fun i => x i * A i j).

Lemma sum_nonneg n f : (forall k, (k < n)%nat -> 0 <= f k) -> 0 <= sum n f.
Proof.
  induction n as [|n IH]; simpl; intros H; [lra|].
  assert (0 <= f n) by (apply H; lia). assert (0 <= sum n f) by (apply IH; intros; apply H; lia). lra.
Qed.

Lemma sum_le n f g : (forall k, (k < n)%nat -> f k <= g k) -> sum n f <= sum n g.
Proof.
  induction n as [|n IH]; simpl; intros H; [lra|].
  assert (f n <= g n) by (apply H; lia). assert (sum n f <= sum n g) by (apply IH; intros; apply H; lia). lra.
Qed.

Lemma sum_swap m n f : sum m (fun i => sum n (fun j => f i j)) = sum n (fun j => sum m (fun i => f i j)).
Proof.
  induction m as [|m IH]; simpl.
  - induction n as [|n IH]; simpl; lra.
  - now rewrite IH, <- sum_plus.
Qed.

Lemma square_norm_nonneg n x : 0 <= square_norm n x.
Proof. apply sum_nonneg. intros k _. apply Rle_0_sqr. Qed.

Lemma cauchy_schwarz n x y :
  inner n x y * inner n x y <= square_norm n x * square_norm n y.
Proof.
  unfold inner, square_norm. induction n as [|n IH]; simpl; [lra|].
  pose proof (square_norm_nonneg n x) as HX. pose proof (square_norm_nonneg n y) as HY.
  unfold square_norm in HX, HY.
  set (S := sum n (fun k => x k * y k)) in *. set (X := sum n (fun k => x k * x k)) in *.
  set (Y := sum n (fun k => y k * y k)) in *. set (a := x n). set (b := y n).
  enough (2 * S * (a * b) <= X * (b * b) + Y * (a * a)) by nra.
  destruct (Req_dec X 0) as [E|E].
  - assert (S = 0) by nra. nra.
  - assert (0 < X) by lra. apply Rmult_le_reg_l with X; [easy|].
    pose proof (Rle_0_sqr (X * b - S * a)) as Q. unfold Rsqr in Q.
    assert (0 <= (X * Y - S * S) * (a * a)) by (apply Rmult_le_pos; [lra|apply Rle_0_sqr]).
    nra.
Qed.

(** A symmetric, diagonally dominant matrix is positive semidefinite. *)
Lemma gershgorin n G x :
  (forall i j, (i < n)%nat -> (j < n)%nat -> G i j = G j i) ->
  (forall i, (i < n)%nat -> sum n (fun j => Rabs (G i j)) <= 2 * G i i) ->
  0 <= sum n (fun i => sum n (fun j => x i * G i j * x j)).
Proof.
  intros Sym Dom.
  (* 2 x_i G_ij x_j >= - |G_ij| (x_i^2 + x_j^2) off the diagonal *)
  set (off := fun i j => if (i =? j)%nat then 0 else Rabs (G i j)).
  assert (Diag : forall i, (i < n)%nat -> sum n (fun j => Rabs (G i j)) = Rabs (G i i) + sum n (off i)).
  { intros i Hi. unfold off. clear - Hi. revert Hi. generalize n as m.
    induction m as [|m IH]; intros Hi; [lia|]. simpl. destruct (Nat.eq_dec i m) as [->|N].
    - rewrite Nat.eqb_refl.
      rewrite (sum_ext m (fun j => if (m =? j)%nat then 0 else Rabs (G m j)) (fun j => Rabs (G m j))); [lra|].
      intros k Hk. now rewrite (proj2 (Nat.eqb_neq _ _)) by lia.
    - rewrite IH by lia. rewrite (proj2 (Nat.eqb_neq _ _)) by easy. lra. }
  assert (Diag' : forall i, (i < n)%nat -> sum n (fun j => x i * G i j * x j)
            = G i i * (x i * x i) + sum n (fun j => if (i =? j)%nat then 0 else x i * G i j * x j)).
  { intros i Hi. clear - Hi. revert Hi. generalize n as m.
    induction m as [|m IH]; intros Hi; [lia|]. simpl. destruct (Nat.eq_dec i m) as [->|N].
    - rewrite Nat.eqb_refl.
      rewrite (sum_ext m (fun j => if (m =? j)%nat then 0 else x m * G m j * x j) (fun j => x m * G m j * x j));
        [lra|].
      intros k Hk. now rewrite (proj2 (Nat.eqb_neq _ _)) by lia.
    - rewrite IH by lia. rewrite (proj2 (Nat.eqb_neq _ _)) by easy. lra. }
  assert (Abs : forall z, z <= Rabs z /\ - z <= Rabs z).
  { intros z. split; [apply Rle_abs|]. rewrite <- Rabs_Ropp. apply Rle_abs. }
  apply Rle_trans with (sum n (fun i => G i i * (x i * x i)
      - / 2 * (sum n (off i) * (x i * x i)) - / 2 * sum n (fun j => off i j * (x j * x j)))).
  - (* the two halves are equal by symmetry *)
    rewrite (sum_ext n _ (fun i => (G i i * (x i * x i) + - / 2 * (sum n (off i) * (x i * x i)))
                                   + - / 2 * sum n (fun j => off i j * (x j * x j)))) by (intros; ring).
    rewrite sum_plus, sum_scale, sum_swap.
    rewrite (sum_ext n (fun j => sum n (fun i => off i j * (x j * x j))) (fun j => sum n (off j) * (x j * x
      j))).
    2:{ intros j Hj. rewrite (Rmult_comm (sum n (off j))), <- sum_scale. apply sum_ext. intros i Hi. unfold off.
        rewrite (Nat.eqb_sym i j). destruct (j =? i)%nat; [ring|]. rewrite (Sym i j) by easy. ring. }
    rewrite <- sum_scale, <- sum_plus. apply sum_nonneg. intros i Hi.
    specialize (Dom i Hi). rewrite Diag in Dom by easy. destruct (Abs (G i i)) as [A _].
    pose proof (Rle_0_sqr (x i)) as Q. unfold Rsqr in Q.
    assert (0 <= (G i i - sum n (off i)) * (x i * x i)) by (apply Rmult_le_pos; lra). lra.
  - apply sum_le. intros i Hi. rewrite Diag' by easy.
    assert (- / 2 * (sum n (off i) * (x i * x i)) + - / 2 * sum n (fun j => off i j * (x j * x j))
            <= sum n (fun j => if (i =? j)%nat then 0 else x i * G i j * x j)); [|lra].
    rewrite <- !sum_scale, (Rmult_comm (sum n (off i))), <- !sum_scale, <- sum_plus.
    apply sum_le. intros j Hj. unfold off. destruct (i =? j)%nat; [lra|].
    destruct (Abs (G i j)) as [A1 A2].
    pose proof (Rle_0_sqr (x i - x j)) as Q1. pose proof (Rle_0_sqr (x i + x j)) as Q2. unfold Rsqr in Q1, Q2.
    assert (0 <= (Rabs (G i j) - G i j) * ((x i - x j) * (x i - x j))) by (apply Rmult_le_pos; lra).
    assert (0 <= (Rabs (G i j) + G i j) * ((x i + x j) * (x i + x j))) by (apply Rmult_le_pos; lra).
    lra.
Qed.

(** [s^2 I - R R^T - C C^T], for R of [p] and C of [q] columns. *)
Definition norm_gap (p q : nat) (s : R) (A C : nat -> nat -> R) (i j : nat) : R :=
  (if (i =? j)%nat then s * s else 0) - inner p (A i) (A j) - inner q (C i) (C j).

Lemma inner_comm n x y : inner n x y = inner n y x.
Proof. apply sum_ext. intros; ring. Qed.

(** |x A|^2 is the quadratic form of A A^T. *)
Lemma square_norm_row_times m p x A :
  square_norm p (row_times m x A)
  = sum m (fun i => sum m (fun j => x i * inner p (A i) (A j) * x j)).
Proof.
  unfold square_norm, row_times, inner.
  rewrite (sum_ext p _ (fun k => sum m (fun i => sum m (fun j => x i * (A i k * A j k) * x j)))).
  - rewrite sum_swap. apply sum_ext. intros i _. rewrite sum_swap. apply sum_ext. intros j _.
    replace (x i * sum p (fun k => A i k * A j k) * x j) with (x i * x j * sum p (fun k => A i k * A j k)) by
      ring.
    rewrite <- sum_scale. apply sum_ext. intros; ring.
  - intros k _. rewrite <- sum_scale.
    rewrite (sum_ext m (fun i => sum m (fun i1 => x i1 * A i1 k) * (x i * A i k))
               (fun i => sum m (fun j => x i * (A i k * A j k) * x j))).
    + easy.
    + intros i _. rewrite Rmult_comm, <- sum_scale. apply sum_ext. intros; ring.
Qed.

Lemma quadratic_identity m s x :
  sum m (fun i => sum m (fun j => x i * (if (i =? j)%nat then s * s else 0) * x j)) = s * s * square_norm m x.
Proof.
  unfold square_norm. rewrite <- sum_scale. apply sum_ext. intros i Hi. revert Hi. generalize m as n.
  induction n as [|n IH]; intros Hi; [lia|]. simpl. destruct (Nat.eq_dec i n) as [->|N].
  - rewrite Nat.eqb_refl. rewrite (sum_ext n _ (fun _ => 0 * 0)).
    + rewrite sum_scale. ring.
    + intros k Hk. rewrite (proj2 (Nat.eqb_neq _ _)) by lia. ring.
  - rewrite IH by lia. rewrite (proj2 (Nat.eqb_neq _ _)) by easy. ring.
Qed.

(** What [check_norm] confirms is a bound of the operator norm. *)
Lemma check_norm_meaning m p q s A C x :
  (forall i, (i < m)%nat ->
     sum m (fun j => Rabs (norm_gap p q s A C i j)) <= 2 * norm_gap p q s A C i i) ->
  square_norm p (row_times m x A) <= s * s * square_norm m x.
Proof.
  intros Dom.
  assert (G : 0 <= sum m (fun i => sum m (fun j => x i * norm_gap p q s A C i j * x j))).
  { apply gershgorin; [|easy]. intros i j _ _. unfold norm_gap.
    now rewrite (inner_comm p (A i)), (inner_comm q (C i)), (Nat.eqb_sym i j). }
  rewrite (sum_ext m _ (fun i => sum m (fun j => x i * (if (i =? j)%nat then s * s else 0) * x j)
     + (-1 * sum m (fun j => x i * inner p (A i) (A j) * x j)
        + -1 * sum m (fun j => x i * inner q (C i) (C j) * x j)))) in G.
  - rewrite sum_plus, sum_plus, !sum_scale, quadratic_identity, <- !square_norm_row_times in G.
    pose proof (square_norm_nonneg q (row_times m x C)). lra.
  - intros i _. rewrite <- !sum_scale, <- !sum_plus. apply sum_ext. intros j _. unfold norm_gap. ring.
Qed.

(** A vector times matrices, each with its number of columns. *)
Fixpoint row_times_all (n : nat) (x : nat -> R) (As : list (nat * (nat -> nat -> R))) : nat * (nat -> R) :=
  match As with
  | [] => (n, x)
  | (p, A) :: rest => row_times_all p (row_times n x A) rest
  end.

(** [s] bounds the operator norm of each of the matrices. *)
Fixpoint norms_hold (n : nat) (As : list (nat * (nat -> nat -> R))) (s : list R) : Prop :=
  match As, s with
  | [], [] => True
  | (p, A) :: As', b :: s' =>
      (forall x, square_norm p (row_times n x A) <= b * b * square_norm n x) /\ norms_hold p As' s'
  | _, _ => False
  end.

Lemma row_times_all_norm As : forall n x s, norms_hold n As s ->
  let (p, y) := row_times_all n x As in
  let b := fold_right Rmult 1 s in
  square_norm p y <= b * b * square_norm n x.
Proof.
  induction As as [|[p A] As IH]; intros n x [|b s] H; simpl in *; try easy; [lra|].
  destruct H as [H H']. specialize (IH p (row_times n x A) s H').
  destruct (row_times_all p (row_times n x A) As) as [p' y]. specialize (H x).
  set (c := fold_right Rmult 1 s) in *. pose proof (Rle_0_sqr c) as Q. unfold Rsqr in Q.
  assert (c * c * square_norm p (row_times n x A) <= c * c * (b * b * square_norm n x))
    by (apply Rmult_le_compat_l; lra).
  replace (b * c * (b * c) * square_norm n x) with (c * c * (b * b * square_norm n x)) by ring. lra.
Qed.

(** Row [x] of R_1, times R_2, ..., R_(k-1), times column [y] of R_k. *)
Theorem remainder_bound n x As s y :
  norms_hold n As s -> Forall (fun b => 0 <= b) s ->
  let (p, z) := row_times_all n x As in
  Rabs (inner p z y) <= sqrt (square_norm n x) * fold_right Rmult 1 s * sqrt (square_norm p y).
Proof.
  intros H Hs. pose proof (row_times_all_norm As n x s H) as B.
  destruct (row_times_all n x As) as [p z]. cbv zeta in B.
  assert (Hb : 0 <= fold_right Rmult 1 s).
  { clear - Hs. induction Hs; simpl; [lra|]. now apply Rmult_le_pos. }
  set (b := fold_right Rmult 1 s) in *.
  pose proof (square_norm_nonneg n x) as X. pose proof (square_norm_nonneg p y) as Y.
  pose proof (cauchy_schwarz p z y) as CS.
  rewrite <- sqrt_Rsqr_abs. unfold Rsqr.
  replace (sqrt (square_norm n x) * b * sqrt (square_norm p y))
    with (sqrt (b * b * square_norm n x * square_norm p y)).
  - apply sqrt_le_1_alt. eapply Rle_trans; [exact CS|]. now apply Rmult_le_compat_r.
  - pose proof (Rle_0_sqr b) as Q. unfold Rsqr in Q.
    rewrite sqrt_mult; [|now apply Rmult_le_pos|easy].
    rewrite sqrt_mult; [|easy|easy]. rewrite sqrt_square by easy. ring.
Qed.
