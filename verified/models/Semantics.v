(** * What a verdict means

    [docs/semantics.md], word for word, over the real numbers. This page and the record [model] of
    [Syntax] are all that must be read to know what an accepted certificate claims. *)

From Coq Require Import Reals ZArith List Lia Lra.
From CompactProofs Require Import Syntax.
Import ListNotations.
Open Scope R_scope.

(** ** Notation: entries, sums, a vector times a matrix *)

(** The entry in row [i] and column [j]: an integer times a power of two. *)
Definition entry (A : dyadic) (i j : nat) : R :=
  IZR (nth j (nth i (rows A) []) 0%Z) * powerRZ 2 (exponent A).

(** [sum n f] is [f 0 + ... + f (n - 1)]. *)
Fixpoint sum (n : nat) (f : nat -> R) : R :=
  match n with
  | O => 0
  | S k => sum k f + f k
  end.

(** Entry [j] of the product of the row vector [x] of [n] entries and the matrix [A]. *)
Definition times (n : nat) (x : nat -> R) (A : dyadic) (j : nat) : R :=
  sum n (fun k => x k * entry A k j).

(** The inner product of two vectors of [n] entries. *)
Definition inner (n : nat) (x y : nat -> R) : R := sum n (fun k => x k * y k).

(** ** Inputs and their labels *)

(** An input is a sequence of as many tokens as there are positions. *)
Definition is_input (M : model) (x : list nat) : Prop :=
  length x = positions M /\ Forall (fun t => (t < vocabulary M)%nat) x.

Definition number_of_inputs (M : model) : Z := (Z.of_nat (vocabulary M) ^ Z.of_nat (positions M))%Z.

(** The task [max]. *)
Definition label (x : list nat) : nat := fold_right Nat.max 0%nat x.

(** ** The model *)

Section Model.
Variable M : model.
Variable x : list nat.

Definition token (j : nat) : nat := nth j x 0%nat.
Definition last_position : nat := (positions M - 1)%nat.

(** The residual stream at position [j]. *)
Definition residual (j : nat) : nat -> R := fun k => entry (W_E M) (token j) k + entry (W_pos M) j k.

(** The attention score that the last position gives to position [j]. *)
Definition score (j : nat) : R :=
  inner (head_width M) (times (width M) (residual last_position) (W_Q M))
                       (times (width M) (residual j) (W_K M))
  / sqrt (INR (head_width M)).

(** Softmax. *)
Definition attention (j : nat) : R :=
  exp (score j) / sum (positions M) (fun i => exp (score i)).

(** What position [j] would add to the logit of output [o] at full attention. *)
Definition moved (j o : nat) : R :=
  times (width M) (times (head_width M) (times (width M) (residual j) (W_V M)) (W_O M)) (W_U M) o.

Definition logit (o : nat) : R :=
  times (width M) (residual last_position) (W_U M) o
  + sum (positions M) (fun j => attention j * moved j o).

(** An input is correct when its label's logit is strictly greater than every other logit. *)
Definition correct : Prop :=
  forall o, (o < outputs M)%nat -> o <> label x -> logit o < logit (label x).

End Model.

(** ** The scaled margin *)

Lemma sum_ext n f g : (forall k, (k < n)%nat -> f k = g k) -> sum n f = sum n g.
Proof. induction n; simpl; intros H; [easy|]. rewrite IHn by (intros; apply H; lia). now rewrite H by lia. Qed.

Lemma sum_plus n f g : sum n (fun k => f k + g k) = sum n f + sum n g.
Proof. induction n; simpl; [lra|]. rewrite IHn. lra. Qed.

Lemma sum_scale n c f : sum n (fun k => c * f k) = c * sum n f.
Proof. induction n; simpl; [lra|]. rewrite IHn. lra. Qed.

Lemma sum_pos n f : (0 < n)%nat -> (forall k, (k < n)%nat -> 0 < f k) -> 0 < sum n f.
Proof.
  induction n as [|[|n] IH]; intros Hn H; [lia| |].
  - simpl. pose proof (H 0%nat). assert (0 < f 0%nat) by (apply H; lia). lra.
  - change (0 < sum (S n) f + f (S n)).
    assert (0 < f (S n)) by (apply H; lia).
    assert (0 < sum (S n) f) by (apply IH; [lia|intros; apply H; lia]). lra.
Qed.

(** The margin of output [m] over output [o], times the denominator of softmax, is a sum of terms each of
    which depends on one position (and the last token) only. Every bound of a certificate rests on this. *)
Lemma margin_separates M x m o :
  (1 <= positions M)%nat ->
  sum (positions M) (fun j => exp (score M x j)) * (logit M x m - logit M x o) =
  sum (positions M) (fun j => exp (score M x j) *
    (times (width M) (residual M x (last_position M)) (W_U M) m
     - times (width M) (residual M x (last_position M)) (W_U M) o
     + (moved M x j m - moved M x j o))).
Proof.
  intros Hn.
  set (Z := sum _ (fun j => exp _)).
  set (d := fun o => times (width M) (residual M x (last_position M)) (W_U M) o).
  assert (HZ : 0 < Z) by (apply sum_pos; [lia|intros; apply exp_pos]).
  assert (Hlogit : forall o, Z * logit M x o
                   = Z * d o + sum (positions M) (fun j => exp (score M x j) * moved M x j o)).
  { intros o'. unfold logit. fold (d o'). rewrite Rmult_plus_distr_l. f_equal.
    rewrite <- sum_scale. apply sum_ext; intros j _. unfold attention. fold Z. field. lra. }
  rewrite Rmult_minus_distr_l, !Hlogit.
  transitivity (sum (positions M) (fun j => (d m - d o) * exp (score M x j)
     + (exp (score M x j) * moved M x j m + (-1) * (exp (score M x j) * moved M x j o)))).
  - rewrite sum_plus, sum_scale, sum_plus, sum_scale. fold Z. ring.
  - apply sum_ext; intros j _. unfold d. ring.
Qed.

(** Hence the sign of that sum decides. *)
Lemma logit_less M x m o :
  (1 <= positions M)%nat ->
  0 < sum (positions M) (fun j => exp (score M x j) *
    (times (width M) (residual M x (last_position M)) (W_U M) m
     - times (width M) (residual M x (last_position M)) (W_U M) o
     + (moved M x j m - moved M x j o))) ->
  logit M x o < logit M x m.
Proof.
  intros Hn H. rewrite <- margin_separates in H by easy.
  assert (HZ : 0 < sum (positions M) (fun j => exp (score M x j)))
    by (apply sum_pos; [lia|intros; apply exp_pos]).
  destruct (Rlt_le_dec (logit M x o) (logit M x m)) as [L|L]; [easy|].
  exfalso. assert (logit M x m - logit M x o <= 0) by lra. nra.
Qed.
