(** * Products with a matrix by packed integers

    A row of integers below 2^(s-1) in absolute value is one integer, to the base 2^s with digits of either
    sign. The sum of packed rows, each times an integer, is the packed sum of the rows
      , so that a product costs
    a few operations on long integers instead of one for each entry. *)

From Coq Require Import ZArith List Lia Bool.
From CompactProofs Require Import Balls.
Import ListNotations.
Open Scope Z_scope.

Fixpoint pack (s : Z) (l : list Z) : Z :=
  match l with
  | [] => 0
  | k :: rest => k + Z.shiftl (pack s rest) s
  end.

(** The digits of [k], [count] of them; [half] is 2^(s-1), and [mask] is 2^s - 1. *)
Fixpoint unpack (s half mask : Z) (count : nat) (k : Z) : list Z :=
  match count with
  | O => []
  | S more =>
      let raised := k + half in
      Z.land raised mask - half :: unpack s half mask more (Z.shiftr raised s)
  end.

(** The sum of packed rows, each times its integer. *)
Fixpoint mix_packed (c packed : list Z) : Z :=
  match c, packed with
  | x :: c', q :: packed' => if x =? 0 then mix_packed c' packed' else x * q + mix_packed c' packed'
  | _, _ => 0
  end.

(** A matrix, its number of rows and the bound of its columns' totals, and the same matrix in packed blocks of
    columns: how many, and their rows. *)
Record packed_matrix := Packed {
  plain : list (list Z);
  row_number : nat;
  most : Z;
  digit : Z;
  blocks : list (nat * list Z)
}.

Definition block_columns : nat := 32.

(** [fuel] is at least the number of columns. *)
Fixpoint pack_blocks (fuel : nat) (s : Z) (U : list (list Z)) : list (nat * list Z) :=
  match fuel with
  | O => []
  | S fuel' =>
      let here := map (firstn block_columns) U in
      match column_totals here with
      | [] => []
      | totals => (length totals, map (pack s) here) :: pack_blocks fuel' s (map (skipn block_columns) U)
      end
  end.

(** Digits have room for entries up to 2^[room] times a column's total. *)
Definition pack_matrix (room : Z) (U : list (list Z)) : packed_matrix :=
  let totals := column_totals U in
  let most := largest totals in
  let s := Z.log2_up (most + 1) + room + 2 in
  Packed U (length U) most s (pack_blocks (length totals) s U).

(** [mix_centres c U] for the matrix [U] that was packed. *)
Definition mix (c : list Z) (U : packed_matrix) : list Z :=
  let s := digit U in
  let half := Z.shiftl 1 (s - 1) in
  if (length c =? row_number U)%nat && (largest c * most U <? half) && (0 <? s) then
    let mask := Z.shiftl 1 s - 1 in
    flat_map (fun b => unpack s half mask (fst b) (mix_packed c (snd b))) (blocks U)
  else mix_centres c (plain U).

(** ** Packing is linear *)

Lemma pack_add s a : 0 <= s -> forall b, pack s (add_centres a b) = pack s a + pack s b.
Proof.
  intros S. induction a as [|x a IH]; intros [|y b]; cbn [add_centres pack]; try lia.
  rewrite IH, !Z.shiftl_mul_pow2 by easy. ring.
Qed.

Lemma pack_scale s x a : 0 <= s -> pack s (map (Z.mul x) a) = x * pack s a.
Proof.
  intros S. induction a as [|y a IH]; cbn [map pack]; [ring|].
  rewrite IH, !Z.shiftl_mul_pow2 by easy. ring.
Qed.

Lemma mix_packed_pack s c : 0 <= s -> forall U, mix_packed c (map (pack s) U) = pack s (mix_centres c U).
Proof.
  intros S. induction c as [|x c IH]; intros [|r U]; cbn [map mix_packed mix_centres]; try easy.
  rewrite pack_add, pack_scale, IH by easy. destruct (x =? 0) eqn:E; [|easy].
  apply Z.eqb_eq in E. subst. lia.
Qed.

Lemma unpack_pack s l : 0 < s -> Forall (fun k => Z.abs k < 2 ^ (s - 1)) l ->
  unpack s (Z.shiftl 1 (s - 1)) (Z.shiftl 1 s - 1) (length l) (pack s l) = l.
Proof.
  intros S. rewrite !Z.shiftl_1_l. set (half := 2 ^ (s - 1)).
  assert (E : 2 ^ s = 2 * half) by (unfold half; rewrite <- Z.pow_succ_r by lia; f_equal; lia).
  assert (M : 2 ^ s - 1 = Z.ones s) by (rewrite Z.ones_equiv; lia). rewrite M.
  induction 1 as [|k l H _ IH]; cbn [length unpack pack]; [easy|].
  rewrite Z.shiftl_mul_pow2, Z.land_ones, Z.shiftr_div_pow2 by lia.
  replace (k + pack s l * 2 ^ s + half) with (k + half + pack s l * 2 ^ s) by ring.
  rewrite Z.mod_add, Z.div_add by lia.
  rewrite Z.mod_small, Z.div_small by lia. cbn [Z.add]. rewrite IH. f_equal. lia.
Qed.

(** ** Blocks of columns *)

Lemma add_nothing a : add_centres a [] = a.
Proof. now destruct a. Qed.

Lemma firstn_add n : forall a b, firstn n (add_centres a b) = add_centres (firstn n a) (firstn n b).
Proof.
  induction n as [|n IH]; [easy|]. intros [|x a] [|y b]; cbn [firstn add_centres]; try easy. now rewrite IH.
Qed.

Lemma skipn_add n : forall a b, skipn n (add_centres a b) = add_centres (skipn n a) (skipn n b).
Proof.
  induction n as [|n IH]; [easy|]. intros [|x a] [|y b]; cbn [skipn add_centres]; try easy.
  now rewrite add_nothing.
Qed.

Lemma firstn_mix n c : forall U, firstn n (mix_centres c U) = mix_centres c (map (firstn n) U).
Proof.
  induction c as [|x c IH]; intros [|r U]; cbn [map mix_centres]; try apply firstn_nil.
  now rewrite firstn_add, IH, firstn_map.
Qed.

Lemma skipn_mix n c : forall U, skipn n (mix_centres c U) = mix_centres c (map (skipn n) U).
Proof.
  induction c as [|x c IH]; intros [|r U]; cbn [map mix_centres]; try apply skipn_nil.
  now rewrite skipn_add, IH, skipn_map.
Qed.

Lemma length_mix_totals c : forall U, length c = length U -> length (mix_centres c U)
  = length (column_totals U).
Proof.
  induction c as [|x c IH]; intros [|r U] L; try discriminate; cbn [mix_centres]; [easy|].
  cbn [column_totals fold_right]. fold (column_totals U).
  rewrite !length_add_centres, !map_length, IH by (simpl in L; lia). easy.
Qed.

Lemma mix_bound c : forall U j,
  Z.abs (nth j (mix_centres c U) 0) <= largest c * nth j (column_totals U) 0.
Proof.
  induction c as [|x c IH]; intros U j; cbn [mix_centres].
  - pose proof (column_totals_nonneg U j). destruct j; cbn; lia.
  - destruct U as [|r U]; [destruct j; cbn; lia|]. cbn [column_totals fold_right]. fold (column_totals U).
    rewrite !nth_add_centres, nth_scaled_centres, nth_abs. specialize (IH U j).
    pose proof (column_totals_nonneg U j). cbn [largest fold_right]. fold (largest c).
    assert (0 <= largest c) by (unfold largest; clear; induction c; simpl; lia).
    assert (Z.abs (x * nth j r 0) <= Z.max (Z.abs x) (largest c) * Z.abs (nth j r 0))
      by (rewrite Z.abs_mul; nia).
    nia.
Qed.

Lemma pack_blocks_mix s c : 0 < s -> forall fuel U, length c = length U ->
  Forall (fun k => Z.abs k < 2 ^ (s - 1)) (mix_centres c U) -> (length (mix_centres c U) <= fuel)%nat ->
  flat_map (fun b => unpack s (Z.shiftl 1 (s - 1)) (Z.shiftl 1 s - 1) (fst b) (mix_packed c (snd b)))
    (pack_blocks fuel s U) = mix_centres c U.
Proof.
  intros S. induction fuel as [|fuel IH]; intros U L B F.
  - cbn. now destruct (mix_centres c U); [|simpl in F; lia].
  - cbn [pack_blocks]. pose proof (length_mix_totals c (map (firstn block_columns) U)) as T.
    rewrite map_length in T. specialize (T L).
    destruct (column_totals (map (firstn block_columns) U)) as [|t ts] eqn:E.
    + rewrite <- firstn_mix in T. destruct (mix_centres c U); [easy|discriminate T].
    + cbn [flat_map fst snd]. rewrite <- T, mix_packed_pack by lia. rewrite unpack_pack; [|easy|].
      * rewrite IH; [|now rewrite map_length| |].
        -- rewrite <- firstn_mix, <- skipn_mix. apply firstn_skipn.
        -- rewrite <- skipn_mix. rewrite <- (firstn_skipn block_columns) in B. now apply Forall_app in B.
        -- rewrite <- skipn_mix, skipn_length. unfold block_columns.
           destruct (mix_centres c U) as [|k l] eqn:M.
           { rewrite <- firstn_mix, M in T. discriminate T. }
           cbn [length] in *. lia.
      * rewrite <- firstn_mix. rewrite <- (firstn_skipn block_columns) in B. now apply Forall_app in B.
Qed.

Lemma mix_pack c room U : mix c (pack_matrix room U) = mix_centres c U.
Proof.
  unfold mix, pack_matrix. cbn [plain row_number most digit blocks].
  set (s := Z.log2_up _ + room + 2). destruct (_ && _ && _)%bool eqn:C; [|easy].
  rewrite !andb_true_iff, !Z.ltb_lt in C. destruct C as [[L B] S]. apply Nat.eqb_eq in L.
  rewrite Z.shiftl_1_l in B. apply pack_blocks_mix; [easy|easy| |].
  - apply Forall_forall. intros k Hk. apply (In_nth _ _ 0) in Hk as (j & Hj & <-).
    eapply Z.le_lt_trans; [apply mix_bound|]. eapply Z.le_lt_trans; [|exact B].
    apply Z.mul_le_mono_nonneg_l; [unfold largest; clear; induction c; simpl; lia|].
    pose proof (nth_le_largest (column_totals U) j). lia.
  - now rewrite length_mix_totals.
Qed.
