(** * Exact matrices, and enclosures of real tables

    Mirrors [checker/numbers/matrices.py] and [checker/rules/exact.py]. A table rule yields an
    [enclosure]: two exact matrices between which the real table lies, entry by entry. Everything else uses
    the enclosures only, so that a new table rule needs no new proof elsewhere. *)

From Coq Require Import Reals ZArith List Lia Lra String.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome.
Import ListNotations.
Open Scope Z_scope.

(** ** Exact matrices *)

Fixpoint dot (a b : list Z) : Z :=
  match a, b with
  | x :: a', y :: b' => x * y + dot a' b'
  | _, _ => 0
  end.

(** The product of [A] and the transpose of [B]. *)
Definition multiply_rows (A B : dyadic) : dyadic :=
  Dyadic (map (fun a => map (dot a) (rows B)) (rows A)) (exponent A + exponent B).

(** [columns] is the number of columns. *)
Definition transpose_rows (columns : nat) (l : list (list Z)) : list (list Z) :=
  fold_right (zip_with cons) (repeat [] columns) l.

Definition transpose (columns : nat) (A : dyadic) : dyadic :=
  Dyadic (transpose_rows columns (rows A)) (exponent A).

(** The product of [A] and [B]; [columns] is the number of columns of [B]. *)
Definition multiply (columns : nat) (A B : dyadic) : dyadic := multiply_rows A (transpose columns B).

(** The sum of each row of [A] and the row [row], which has the exponent [e]. *)
Definition add_row (A : dyadic) (row : list Z) (e : Z) : dyadic :=
  let low := Z.min (exponent A) e in
  let row' := map (fun k => Z.shiftl k (e - low)) row in
  Dyadic (map (fun a => zip_with Z.add (map (fun k => Z.shiftl k (exponent A - low)) a) row') (rows A)) low.

(** ** Enclosures *)

Record enclosure := Enclosure { lower : dyadic; upper : dyadic }.

Definition encloses_table (E : enclosure) (m n : nat) (f : nat -> nat -> R) : Prop :=
  has_shape (lower E) m n /\ has_shape (upper E) m n /\
  forall i j, (i < m)%nat -> (j < n)%nat -> (entry (lower E) i j <= f i j <= entry (upper E) i j)%R.

(** Rule [exact]: the table is the product of its path, formed exactly. *)
Definition check_exact (product : dyadic) : enclosure := Enclosure product product.

Open Scope R_scope.

(** ** Matrix products denote real tables *)

(** [A] is an [m] x [n] matrix of the real numbers [f]. *)
Definition denotes (A : dyadic) (m n : nat) (f : nat -> nat -> R) : Prop :=
  has_shape A m n /\ forall i j, (i < m)%nat -> (j < n)%nat -> entry A i j = f i j.

Lemma denotes_itself A m n : has_shape A m n -> denotes A m n (entry A).
Proof. easy. Qed.

Lemma sum_first n f : sum (S n) f = f O + sum n (fun k => f (S k)).
Proof. induction n as [|n IH]; [simpl; ring|]. cbn [sum] in *. rewrite IH. ring. Qed.

Lemma dot_sum n : forall a b, List.length a = n -> List.length b = n ->
  IZR (dot a b) = sum n (fun k => IZR (nth k a 0%Z) * IZR (nth k b 0%Z)).
Proof.
  induction n as [|n IH]; intros [|x a] [|y b] Ha Hb; try discriminate; [easy|].
  rewrite sum_first. cbn [dot nth]. rewrite plus_IZR, mult_IZR. f_equal. apply IH; simpl in *; lia.
Qed.

Lemma nth_map {A B} (f : A -> B) l i d d' : (i < List.length l)%nat -> nth i (map f l) d = f (nth i l d').
Proof.
  intros H. rewrite nth_indep with (d' := f d') by now rewrite map_length. apply map_nth.
Qed.

Lemma shape_row A m n i : has_shape A m n -> (i < m)%nat -> List.length (nth i (rows A) []) = n.
Proof.
  intros [L F] H. rewrite Forall_forall in F. apply F, nth_In. lia.
Qed.

Lemma denotes_multiply_rows A B m n p f g : denotes A m n f -> denotes B p n g ->
  denotes (multiply_rows A B) m p (fun i j => inner n (f i) (g j)).
Proof.
  intros [SA DA] [SB DB]. pose proof SA as [LA _]. pose proof SB as [LB _]. split.
  - split; cbn [multiply_rows rows]; [now rewrite map_length|].
    apply Forall_forall. intros r Hr. apply in_map_iff in Hr as (a & <- & _). now rewrite map_length.
  - intros i j Hi Hj. unfold entry, multiply_rows; cbn [rows exponent].
    rewrite (nth_map _ _ _ _ []) by lia. rewrite (nth_map _ _ _ _ []) by lia.
    rewrite (dot_sum n) by (eapply shape_row; eauto).
    change (powerRZ 2 (exponent A + exponent B)) with (pow2 (exponent A + exponent B)).
    rewrite pow2_add, Rmult_comm, <- sum_scale. apply sum_ext. intros k Hk.
    rewrite <- DA, <- DB by easy. unfold entry, pow2. ring.
Qed.

Lemma zip_cons_nth (a : list Z) : forall l j i, List.length a = List.length l -> (j < List.length l)%nat ->
  nth i (nth j (zip_with cons a l) []) 0%Z = match i with O => nth j a 0%Z | S i' => nth i' (nth j l []) 0%Z
    end.
Proof.
  induction a as [|x a IH]; intros [|y l] [|j] i H Hj; simpl in *; try lia. apply IH; lia.
Qed.

Lemma zip_length {A B C} (f : A -> B -> C) a : forall b, List.length a = List.length b ->
  List.length (zip_with f a b) = List.length b.
Proof. induction a as [|x a IH]; intros [|y b] H; simpl in *; try easy. rewrite IH; lia. Qed.

Lemma transpose_rows_spec n l : Forall (fun r => List.length r = n) l ->
  List.length (transpose_rows n l) = n /\
  Forall (fun r => List.length r = List.length l) (transpose_rows n l) /\
  forall i j, (j < n)%nat -> nth i (nth j (transpose_rows n l) []) 0%Z = nth j (nth i l []) 0%Z.
Proof.
  induction 1 as [|r l Hr _ (L & F & N)]; cbn [transpose_rows fold_right].
  - split; [apply repeat_length|]. split.
    + apply Forall_forall. intros x Hx. now apply repeat_spec in Hx as ->.
    + intros i j Hj. rewrite nth_repeat. now destruct i, j.
  - fold (transpose_rows n l). split; [rewrite zip_length; lia|]. split.
    + clear N. assert (E : List.length r = List.length (transpose_rows n l)) by lia. clear L Hr.
      revert E F. generalize (transpose_rows n l) as t.
      induction r as [|x r IH]; intros [|y t] E F; simpl in *; try easy.
      inversion F; subst. constructor; [simpl; lia|]. apply IH; [lia|easy].
    + intros i j Hj. rewrite zip_cons_nth by lia. destruct i; [easy|]. now apply N.
Qed.

Lemma denotes_transpose A m n f : denotes A m n f -> denotes (transpose n A) n m (fun i j => f j i).
Proof.
  intros [[L F] D]. destruct (transpose_rows_spec n (rows A) F) as (L' & F' & N).
  split; [split; [easy|]|].
  - cbn [transpose rows]. now rewrite L in F'.
  - intros i j Hi Hj. rewrite <- D by easy. unfold entry, transpose; cbn [rows exponent]. now rewrite N.
Qed.

Lemma denotes_multiply A B m n p f : denotes A m n f -> has_shape B n p ->
  denotes (multiply p A B) m p (fun i => times n (f i) B).
Proof.
  intros HA HB. unfold multiply.
  pose proof (denotes_multiply_rows _ _ _ _ _ _ _ HA
                (denotes_transpose _ _ _ _ (denotes_itself _ _ _ HB))) as [S D].
  split; [easy|]. intros i j Hi Hj. now rewrite D.
Qed.

Lemma denotes_add_row A m n row e : has_shape A m n -> List.length row = n ->
  denotes (add_row A row e) m n (fun i k => entry A i k + IZR (nth k row 0%Z) * powerRZ 2 e).
Proof.
  intros [L F] Hrow. unfold add_row. set (low := Z.min (exponent A) e).
  assert (Z1 : (0 <= exponent A - low)%Z) by lia. assert (Z2 : (0 <= e - low)%Z) by lia.
  assert (Len : forall a, List.length a = n -> List.length (zip_with Z.add
     (map (fun k => Z.shiftl k (exponent A - low)) a) (map (fun k => Z.shiftl k (e - low)) row)) = n).
  { intros a Ha. rewrite zip_length; rewrite ?map_length; lia. }
  split.
  - split; cbn [rows]; [now rewrite map_length|]. apply Forall_forall. intros r Hr.
    apply in_map_iff in Hr as (a & <- & Ha). rewrite Forall_forall in F. now apply Len, F.
  - intros i k Hi Hk. unfold entry; cbn [rows exponent]. rewrite (nth_map _ _ _ _ []) by lia.
    assert (Ha : List.length (nth i (rows A) []) = n) by (eapply shape_row; [split|]; eauto).
    set (a := nth i (rows A) []) in *.
    assert (E : forall (x y : list Z) j, (j < List.length x)%nat -> (j < List.length y)%nat ->
              nth j (zip_with Z.add x y) 0%Z = (nth j x 0 + nth j y 0)%Z).
    { induction x as [|x0 x IH]; intros [|y0 y] [|j] Hx Hy; simpl in *; try lia. apply IH; lia. }
    rewrite E by (rewrite map_length; lia).
    rewrite !(nth_map _ _ _ _ 0%Z) by lia.
    rewrite plus_IZR, !Z.shiftl_mul_pow2, !mult_IZR, !pow2_IZR by easy.
    change (powerRZ 2 low) with (pow2 low). change (powerRZ 2 (exponent A)) with (pow2 (exponent A)).
    change (powerRZ 2 e) with (pow2 e).
    replace (pow2 (exponent A)) with (pow2 (exponent A - low) * pow2 low)
      by (rewrite <- pow2_add; f_equal; lia).
    replace (pow2 e) with (pow2 (e - low) * pow2 low) by (rewrite <- pow2_add; f_equal; lia).
    ring.
Qed.

Lemma times_ext n x y A j : (forall k, (k < n)%nat -> x k = y k) -> times n x A j = times n y A j.
Proof. intros H. apply sum_ext. intros k Hk. now rewrite H. Qed.

Lemma denotes_ext A m n f g : denotes A m n f ->
  (forall i j, (i < m)%nat -> (j < n)%nat -> f i j = g i j) -> denotes A m n g.
Proof. intros [S D] H. split; [easy|]. intros i j Hi Hj. rewrite D, H; easy. Qed.

(** Rule [exact] is sound. *)
Lemma check_exact_sound A m n f : denotes A m n f -> encloses_table (check_exact A) m n f.
Proof. intros [S D]. split; [easy|]. split; [easy|]. intros i j Hi Hj. simpl. rewrite D by easy. lra. Qed.
