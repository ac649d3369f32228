(** * Rule [low_rank]

    Mirrors [checker/rules/low_rank.py]. A table is the product of factors
    F_1 ... F_k; hints A_i H_i stand for most of F_i, and the remainders are R_i = F_i - A_i H_i. The table
    is enclosed by (F_1 ... F_k - R_1 ... R_k), which the Python kernel forms from thin products, plus or minus
    the bound |R_1[a]| s_2 ... s_(k-1) |R_k[:, b]| of R_1 ... R_k, which [Remainder] proves.

    Proof length is of no concern here: the first part is computed as the exact table less the product of
    the remainders. It is the same matrix as the sum of thin products that the Python kernel forms. *)

From Coq Require Import Reals ZArith List Lia Lra String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Remainder.
Import ListNotations.
Open Scope Z_scope.

Definition norm_bits : Z := 48.

(** Matrices, each with the number of its columns; their product is the table. *)
Definition path := list (dyadic * nat).

(** The product of neighbours, and its number of columns. *)
Definition product_of (p : path) : dyadic * nat :=
  match p with
  | [] => (Dyadic [] 0, O)
  | first :: rest =>
      fold_left (fun A B => (multiply (snd B) (fst A) (fst B), snd B)) rest first
  end.

(** A + sign * B. *)
Definition add_scaled (sign : Z) (A B : dyadic) : dyadic :=
  let low := Z.min (exponent A) (exponent B) in
  Dyadic (zip_with (zip_with (fun x y => Z.shiftl x (exponent A - low) + sign * Z.shiftl y (exponent B - low)))
            (rows A) (rows B)) low.

Definition sum_of_squares (row : list Z) : Z := dot row row.

(** Upper bounds of the Euclidean norms of the rows, in fixed point of [norm_bits] bits. *)
Definition norms (A : dyadic) : list Z :=
  map (fun row => norm_up (sum_of_squares row) (exponent A + norm_bits)) (rows A).

(** s^2 on the diagonal, as the rows of a square matrix. *)
Definition diagonal (size : nat) (k : Z) : list (list Z) :=
  map (fun i => map (fun j => if (i =? j)%nat then k else 0) (seq 0 size)) (seq 0 size).

(** Whether [A] is an [m] x [n] matrix. *)
Definition is_shape (A : dyadic) (m n : nat) : bool :=
  ((List.length (rows A) =? m)%nat && forallb (fun row => (List.length row =? n)%nat) (rows A))%bool.

(** s >= 0, and s^2 I - R R^T - C C^T is diagonally dominant. *)
Definition check_norm (R s C : dyadic) : bool :=
  let size := List.length (rows R) in
  let bound := nth 0 (nth 0 (rows s) []) 0 in
  let scaled := Dyadic (diagonal size (bound * bound)) (2 * exponent s) in
  let gap := add_scaled (-1) (add_scaled (-1) scaled (multiply_rows R R)) (multiply_rows C C) in
  ((0 <=? bound) && is_shape C size (List.length (hd [] (rows C)))
   && forallb (fun p => total Z.abs (snd p) <=? 2 * nth (fst p) (snd p) 0)
        (combine (seq 0 size) (rows gap)))%bool.

(** What the hint of a factor leaves, the number of its columns, and the bound of its norm if there is one: an
    integer times a power of two. *)
Record remainder := Remainder { left_over : dyadic; columns : nat; norm_bound : option (Z * Z) }.

Fixpoint remainders (factors : list factor) (p : path) : result (list remainder) :=
  match factors with
  | [] => Ok []
  | f :: rest =>
      let whole := product_of (firstn (factor_matrices f) p) in
      let R := match factor_hint f with
               | None => fst whole
               | Some (A, H) => add_scaled (-1) (fst whole) (multiply (snd whole) A H)
               end in
      do bound <- match factor_norm f with
                  | None => Ok None
                  | Some (s, C) =>
                      if check_norm R s C then Ok (Some (nth 0 (nth 0 (rows s) []) 0, exponent s))
                      else Reject "low_rank: expected a norm that its hint confirms"
                  end;
      do Rs <- remainders rest (skipn (factor_matrices f) p);
      Ok (Remainder R (snd whole) bound :: Rs)
  end.

(** Each matrix has as many rows as the one before has columns. *)
Fixpoint chain (m : nat) (Rs : list remainder) : bool :=
  match Rs with
  | [] => true
  | R :: rest => (is_shape (left_over R) m (columns R) && chain (columns R) rest)%bool
  end.

Definition multiply_all (first : dyadic) (Rs : list remainder) : dyadic :=
  fold_left (fun A R => multiply (columns R) A (left_over R)) Rs first.

Fixpoint scale_of (Rs : list remainder) : Z * Z :=
  match Rs with
  | [] => (1, 0)
  | R :: rest =>
      let (k, e) := match norm_bound R with Some s => s | None => (0, 0) end in
      let (k', e') := scale_of rest in
      (k * k', e + e')
  end.

(** The bound of the product of the remainders. *)
Definition radius (first : dyadic) (middle : list remainder) (last : remainder) : dyadic :=
  let (k, e) := scale_of middle in
  let across := norms (transpose (columns last) (left_over last)) in
  Dyadic (map (fun r => map (fun c => r * k * c) across) (norms first)) (e - 2 * norm_bits).

Definition has_norm (R : remainder) : bool := match norm_bound R with Some _ => true | None => false end.

Definition check_low_rank (factors : list factor) (p : path) (product : dyadic) : result enclosure :=
  do Rs <- remainders factors p;
  match Rs with
  | first :: (_ :: _) as rest =>
      let m := List.length (rows product) in
      let middle := removelast rest in
      let last := List.last rest first in
      if (chain m Rs && forallb has_norm middle && is_shape product m (columns last))%bool then
        let value := add_scaled (-1) product (multiply_all (left_over first) rest) in
        let bound := radius (left_over first) middle last in
        Ok (Enclosure (add_scaled (-1) value bound) (add_scaled 1 value bound))
      else Decline "low_rank: factors that do not fit"
  | _ => Decline "low_rank: fewer than two factors"
  end.

(** ** Soundness *)

Open Scope R_scope.

Lemma is_shape_spec A m n : is_shape A m n = true -> has_shape A m n.
Proof.
  unfold is_shape. rewrite andb_true_iff, Nat.eqb_eq, forallb_forall. intros [L F]. split; [easy|].
  apply Forall_forall. intros r Hr. now apply Nat.eqb_eq, F.
Qed.

Lemma nth_zip {A B C} (f : A -> B -> C) da db dc : forall a b i,
  (i < List.length a)%nat -> (i < List.length b)%nat ->
  nth i (zip_with f a b) dc = f (nth i a da) (nth i b db).
Proof.
  induction a as [|x a IH]; intros [|y b] [|i] Ha Hb; simpl in *; try lia; [easy|]. apply IH; lia.
Qed.

Lemma denotes_add_scaled sign A B m n f g : denotes A m n f -> denotes B m n g ->
  denotes (add_scaled sign A B) m n (fun i j => f i j + IZR sign * g i j).
Proof.
  intros [SA DA] [SB DB]. unfold add_scaled. set (low := Z.min (exponent A) (exponent B)).
  assert (Z1 : (0 <= exponent A - low)%Z) by lia. assert (Z2 : (0 <= exponent B - low)%Z) by lia.
  pose proof SA as [LA FA]. pose proof SB as [LB FB]. split.
  - split; cbn [rows]; [rewrite zip_length; lia|].
    apply Forall_forall. intros r Hr. apply (In_nth _ _ []) in Hr as (i & Hi & <-).
    rewrite zip_length in Hi by lia.
    rewrite (nth_zip _ [] []) by lia.
    rewrite zip_length; rewrite ?(shape_row A m n), ?(shape_row B m n); try easy; lia.
  - intros i j Hi Hj. rewrite <- DA, <- DB by easy. unfold entry; cbn [rows exponent].
    rewrite (nth_zip _ [] []) by lia.
    rewrite (nth_zip _ 0%Z 0%Z) by (rewrite ?(shape_row A m n), ?(shape_row B m n); easy).
    rewrite plus_IZR, mult_IZR, !Z.shiftl_mul_pow2, !mult_IZR, !pow2_IZR by easy.
    change (powerRZ 2) with pow2.
    replace (pow2 (exponent A)) with (pow2 (exponent A - low) * pow2 low)
      by (rewrite <- pow2_add; f_equal; lia).
    replace (pow2 (exponent B)) with (pow2 (exponent B - low) * pow2 low)
      by (rewrite <- pow2_add; f_equal; lia).
    ring.
Qed.

(** ** Norms *)

Lemma norms_ok A m n i : has_shape A m n -> (i < m)%nat ->
  (0 <= nth i (norms A) 0)%Z /\
  sqrt (square_norm n (entry A i)) <= IZR (nth i (norms A) 0%Z) * pow2 (- norm_bits).
Proof.
  intros S Hi. pose proof (shape_row _ _ _ _ S Hi) as L. pose proof S as [LA _].
  unfold norms. rewrite (nth_map _ _ _ _ []) by lia.
  set (row := nth i (rows A) []) in *.
  assert (Q : IZR (sum_of_squares row) = sum n (fun k => IZR (nth k row 0%Z) * IZR (nth k row 0%Z)))
    by now apply dot_sum.
  assert (Q0 : (0 <= sum_of_squares row)%Z).
  { apply le_IZR. rewrite Q. apply sum_nonneg. intros; apply Rle_0_sqr. }
  destruct (norm_up_ge (sum_of_squares row) (exponent A + norm_bits) Q0) as [N0 N]. split; [easy|].
  replace (square_norm n (entry A i)) with (IZR (sum_of_squares row) * (pow2 (exponent A) * pow2 (exponent A))).
  2:{ rewrite Q, Rmult_comm, <- sum_scale. apply sum_ext. intros k _. unfold entry, pow2. fold row. ring. }
  pose proof (pow2_pos (exponent A)) as Pe. apply IZR_le in Q0 as Q0'.
  rewrite sqrt_mult by (try easy; apply Rle_0_sqr). rewrite sqrt_square by lra.
  rewrite pow2_add, <- Rmult_assoc in N.
  pose proof (pow2_opp norm_bits) as O. pose proof (pow2_pos (- norm_bits)) as Pn.
  apply Rle_trans with (sqrt (IZR (sum_of_squares row)) * pow2 (exponent A) * pow2 norm_bits * pow2 (-
    norm_bits)).
  - rewrite Rmult_assoc, O. lra.
  - apply Rmult_le_compat_r; lra.
Qed.

Lemma total_abs_sum n row : List.length row = n ->
  IZR (total Z.abs row) = sum n (fun j => Rabs (IZR (nth j row 0%Z))).
Proof.
  revert row. induction n as [|n IH]; intros [|x row] L; try discriminate; [easy|].
  rewrite sum_first. cbn [total nth]. rewrite plus_IZR, abs_IZR, IH; [easy|simpl in L; lia].
Qed.

Lemma diagonal_denotes n k e :
  denotes (Dyadic (diagonal n k) e) n n (fun i j => if (i =? j)%nat then IZR k * pow2 e else 0).
Proof.
  split.
  - split; cbn [rows]; unfold diagonal; [now rewrite map_length, seq_length|].
    apply Forall_map, Forall_forall. intros i _. now rewrite map_length, seq_length.
  - intros i j Hi Hj. unfold entry, diagonal; cbn [rows exponent].
    rewrite (nth_map _ _ _ _ O) by now rewrite seq_length.
    rewrite (nth_map _ _ _ _ O) by now rewrite seq_length.
    rewrite !seq_nth by easy. cbn [Nat.add]. change (powerRZ 2 e) with (pow2 e). destruct (i =? j)%nat; ring.
Qed.

(** The norm that a remainder's bound stands for. *)
Definition real_bound (s : Z * Z) : R := IZR (fst s) * pow2 (snd s).

Lemma check_norm_sound A s C m n : has_shape A m n -> check_norm A s C = true ->
  let b := real_bound (nth 0 (nth 0 (rows s) []) 0%Z, exponent s) in
  0 <= b /\ forall x, square_norm n (row_times m x (entry A)) <= b * b * square_norm m x.
Proof.
  intros S H b. unfold check_norm in H. cbv zeta in H. pose proof S as [L _]. rewrite L in H.
  set (k := nth 0 (nth 0 (rows s) []) 0%Z) in *. set (q := List.length (hd [] (rows C))) in *.
  rewrite !andb_true_iff, Z.leb_le in H. destruct H as [[H0 HC] H]. apply is_shape_spec in HC.
  set (G := add_scaled (-1) (add_scaled (-1) _ _) _) in H.
  assert (DG : denotes G m m (norm_gap n q b (entry A) (entry C))).
  { eapply denotes_ext.
    - apply denotes_add_scaled.
      + apply denotes_add_scaled; [apply diagonal_denotes|].
        apply (denotes_multiply_rows A A m n m (entry A) (entry A)); now apply denotes_itself.
      + apply (denotes_multiply_rows C C m q m (entry C) (entry C)); now apply denotes_itself.
    - intros i j _ _. cbn beta. unfold norm_gap, b, real_bound. cbn [fst snd].
      rewrite mult_IZR. replace (2 * exponent s)%Z with (exponent s + exponent s)%Z by ring.
      rewrite pow2_add. destruct (i =? j)%nat; ring. }
  split.
  { unfold b, real_bound; cbn [fst snd]. apply IZR_le in H0. pose proof (pow2_pos (exponent s)).
    apply Rmult_le_pos; lra. }
  intros x. apply check_norm_meaning with (q := q) (C := entry C). intros i Hi.
  destruct DG as [SG DG]. pose proof (shape_row _ _ _ _ SG Hi) as LG. pose proof SG as [LG' _].
  rewrite forallb_forall in H. specialize (H (i, nth i (rows G) [])). cbn [fst snd] in H.
  assert (I : In (i, nth i (rows G) []) (combine (seq 0 m) (rows G))).
  { replace (i, nth i (rows G) []) with (nth i (combine (seq 0 m) (rows G)) (O, [])).
    - apply nth_In. rewrite combine_length, seq_length, LG'. lia.
    - rewrite combine_nth by now rewrite seq_length. now rewrite seq_nth. }
  apply H, Z.leb_le, IZR_le in I. rewrite (total_abs_sum m), mult_IZR in I by easy.
  pose proof (pow2_pos (exponent G)) as P.
  rewrite <- (DG i i) by easy.
  rewrite (sum_ext m _ (fun j => pow2 (exponent G) * Rabs (IZR (nth j (nth i (rows G) []) 0%Z)))).
  - rewrite sum_scale. unfold entry. change (powerRZ 2 (exponent G)) with (pow2 (exponent G)).
    replace (2 * (IZR (nth i (nth i (rows G) []) 0%Z) * pow2 (exponent G)))
      with (pow2 (exponent G) * (2 * IZR (nth i (nth i (rows G) []) 0%Z))) by ring.
    apply Rmult_le_compat_l; lra.
  - intros j Hj. rewrite <- DG by easy. unfold entry. rewrite Rabs_mult, Rmult_comm. f_equal.
    apply Rabs_pos_eq. apply Rlt_le, P.
Qed.

(** ** Products of remainders *)

Definition real_matrices (Rs : list remainder) : list (nat * (nat -> nat -> R)) :=
  map (fun R => (columns R, entry (left_over R))) Rs.

Definition real_bounds (Rs : list remainder) : list R :=
  map (fun R => match norm_bound R with Some s => real_bound s | None => 0 end) Rs.

(** What [remainders] has confirmed. *)
Definition confirmed (R : remainder) : Prop :=
  forall m s, norm_bound R = Some s -> has_shape (left_over R) m (columns R) ->
  0 <= real_bound s /\
  forall x, square_norm (columns R) (row_times m x (entry (left_over R)))
            <= real_bound s * real_bound s * square_norm m x.

Lemma remainders_confirmed factors : forall p Rs, remainders factors p = Ok Rs -> Forall confirmed Rs.
Proof.
  induction factors as [|f factors IH]; intros p Rs H; cbn [remainders] in H.
  - injection H as <-. constructor.
  - cbv zeta in H. apply bind_ok in H as (bound & Hb & H). apply bind_ok in H as (Rs' & HR & H).
    injection H as <-. constructor; [|eauto].
    intros m s E S. cbn [norm_bound left_over columns] in *. subst bound.
    destruct (factor_norm f) as [[s' C]|]; [|discriminate].
    destruct (check_norm _ s' C) eqn:N; [|discriminate]. injection Hb as <-.
    now apply (check_norm_sound _ _ _ _ _ S) in N.
Qed.

Lemma chain_norms middle : forall m, chain m middle = true -> Forall confirmed middle ->
  forallb has_norm middle = true ->
  norms_hold m (real_matrices middle) (real_bounds middle) /\ Forall (fun b => 0 <= b) (real_bounds middle).
Proof.
  induction middle as [|R middle IH]; intros m H C N; cbn [chain forallb real_matrices real_bounds map
    norms_hold] in *.
  - now split.
  - apply andb_true_iff in H as [H H']. apply andb_true_iff in N as [N N']. apply is_shape_spec in H.
    inversion C as [|? ? C1 C2]; subst. destruct (IH (columns R) H' C2 N') as [I1 I2].
    unfold has_norm in N. destruct (norm_bound R) as [s|] eqn:E; [|discriminate].
    destruct (C1 m s E H) as [B1 B2]. split; [split; easy|]. constructor; easy.
Qed.

Lemma multiply_all_denotes Rs : forall A m n f, denotes A m n f -> chain n Rs = true ->
  denotes (multiply_all A Rs) m (fst (row_times_all n (f O) (real_matrices Rs)))
    (fun i => snd (row_times_all n (f i) (real_matrices Rs))) /\
  forall x y, fst (row_times_all n x (real_matrices Rs)) = fst (row_times_all n y (real_matrices Rs)).
Proof.
  induction Rs as [|R Rs IH]; intros A m n f D H; cbn [chain multiply_all fold_left real_matrices map
    row_times_all] in *.
  - split; [exact D|easy].
  - apply andb_true_iff in H as [H H']. apply is_shape_spec in H.
    pose proof (denotes_multiply A (left_over R) m n (columns R) f D H) as D'.
    destruct (IH _ _ _ _ D' H') as [I1 I2]. split; [exact I1|]. intros x y. apply I2.
Qed.

Lemma chain_app a : forall m b, chain m (a ++ b) = true ->
  chain m a = true /\ forall x, chain (fst (row_times_all m x (real_matrices a))) b = true.
Proof.
  induction a as [|R a IH]; intros m b H; cbn [app chain real_matrices map row_times_all] in *.
  - now split.
  - apply andb_true_iff in H as [H H']. destruct (IH _ _ H') as [I1 I2]. rewrite H, I1. split; [easy|].
    intros x. apply I2.
Qed.

Lemma scale_of_bounds Rs : forallb has_norm Rs = true ->
  real_bound (scale_of Rs) = fold_right Rmult 1 (real_bounds Rs).
Proof.
  induction Rs as [|R Rs IH]; cbn [forallb scale_of real_bounds map fold_right]; intros H.
  - unfold real_bound. cbn [fst snd]. rewrite pow2_0. ring.
  - apply andb_true_iff in H as [H H']. unfold has_norm in H.
    destruct (norm_bound R) as [[k e]|]; [|discriminate].
    specialize (IH H'). unfold real_bounds in IH. rewrite <- IH. destruct (scale_of Rs) as [k' e'].
    unfold real_bound; cbn [fst snd]. rewrite mult_IZR, pow2_add. ring.
Qed.

(** Rule [low_rank] is sound: the table that [product] denotes lies in the enclosure. *)
Lemma check_low_rank_sound factors p product m n f E :
  denotes product m n f -> check_low_rank factors p product = Ok E -> encloses_table E m n f.
Proof.
  intros D H. unfold check_low_rank in H. apply bind_ok in H as (Rs & HRs & H).
  apply remainders_confirmed in HRs.
  destruct Rs as [|first [|second rest]]; [discriminate..|].
  set (others := second :: rest) in *. cbv zeta in H.
  pose proof D as [[Lm _] _]. rewrite Lm in H.
  set (middle := removelast others) in *. set (last := List.last others first) in *.
  assert (Split : others = middle ++ [last]) by (apply app_removelast_last; discriminate).
  destruct (chain m (first :: others) && forallb has_norm middle && is_shape product m (columns last))%bool
    eqn:Hok; [|discriminate].
  rewrite !andb_true_iff in Hok. destruct Hok as [[Hchain Hnorm] Hshape]. injection H as <-.
  apply is_shape_spec in Hshape.
  cbn [chain] in Hchain. apply andb_true_iff in Hchain as [Hfirst Hchain]. apply is_shape_spec in Hfirst.
  rewrite Split in Hchain. pose proof (chain_app _ _ _ Hchain) as [Hmiddle Hlast].
  pose proof (Forall_inv_tail HRs) as C2. rewrite Split in C2. apply Forall_app in C2 as [Cm _].
  destruct (chain_norms middle (columns first) Hmiddle Cm Hnorm) as [NH NP].
  (* everything below has the shape m x columns last *)
  assert (Dp : denotes product m (columns last) (entry product)) by now apply denotes_itself.
  set (Q := multiply_all (left_over first) others).
  set (z := fun i => row_times_all (columns first) (entry (left_over first) i) (real_matrices middle)).
  assert (DQ : denotes Q m (columns last) (fun i j => inner (fst (z i)) (snd (z i)) (fun l => entry
    (left_over last) l j))
               /\ forall i, has_shape (left_over last) (fst (z i)) (columns last)).
  { pose proof (multiply_all_denotes middle (left_over first) m (columns first) (entry (left_over first))
                  (denotes_itself _ _ _ Hfirst) Hmiddle) as [I1 I2].
    assert (SL : forall i, has_shape (left_over last) (fst (z i)) (columns last)).
    { intros i. specialize (Hlast (entry (left_over first) i)). cbn [chain] in Hlast.
      apply andb_true_iff in Hlast as [Hl _]. now apply is_shape_spec in Hl. }
    split; [|exact SL]. unfold Q. rewrite Split. unfold multiply_all. rewrite fold_left_app. cbn [fold_left].
    eapply denotes_ext; [apply (denotes_multiply _ _ _ _ _ _ I1); apply (SL O)|].
    intros i j _ _. cbn beta. unfold z, times, inner.
    now rewrite (I2 (entry (left_over first) O) (entry (left_over first) i)). }
  destruct DQ as [DQ SL].
  set (rad := radius (left_over first) middle last).
  assert (Drad : denotes rad m (columns last) (entry rad) /\ forall i j, (i < m)%nat -> (j < columns
    last)%nat ->
            Rabs (inner (fst (z i)) (snd (z i)) (fun l => entry (left_over last) l j)) <= entry rad i j).
  { pose proof (denotes_transpose _ _ _ _ (denotes_itself _ _ _ (SL O))) as [ST DT].
    set (LT := transpose (columns last) (left_over last)) in *.
    assert (LN : List.length (norms LT) = columns last).
    { unfold norms. rewrite map_length. now destruct ST. }
    assert (LF : List.length (norms (left_over first)) = m).
    { unfold norms. rewrite map_length. now destruct Hfirst. }
    unfold rad, radius. pose proof (scale_of_bounds middle Hnorm) as Sc.
    destruct (scale_of middle) as [k e]. fold LT. split.
    - apply denotes_itself. split; cbn [rows]; [now rewrite map_length|].
      apply Forall_map, Forall_forall. intros r _. now rewrite map_length.
    - intros i j Hi Hj. unfold entry at 2; cbn [rows exponent].
      rewrite (nth_map _ _ _ _ 0%Z) by lia. rewrite (nth_map _ _ _ _ 0%Z) by lia.
      destruct (norms_ok _ _ _ i Hfirst Hi) as [A0 A]. destruct (norms_ok _ _ _ j ST Hj) as [B0 B].
      pose proof (remainder_bound (columns first) (entry (left_over first) i) (real_matrices middle)
                    (real_bounds middle) (fun l => entry (left_over last) l j) NH NP) as RB.
      fold (z i) in RB. rewrite <- Sc in RB.
      destruct (z i) as [pi zi] eqn:Ez. cbn [fst snd].
      assert (Hp : pi = fst (z O)).
      { pose proof (multiply_all_denotes middle (left_over first) m (columns first) (entry (left_over first))
                      (denotes_itself _ _ _ Hfirst) Hmiddle) as [_ I2].
        change pi with (fst (pi, zi)). rewrite <- Ez. apply I2. }
      assert (Bsame : square_norm pi (fun l => entry (left_over last) l j)
                      = square_norm (fst (z O)) (entry LT j)).
      { rewrite Hp. apply sum_ext. intros l Hl. now rewrite DT. }
      rewrite Bsame in RB. eapply Rle_trans; [exact RB|].
      assert (K0 : 0 <= real_bound (k, e)).
      { rewrite Sc. clear - NP. induction NP; simpl; [lra|]. now apply Rmult_le_pos. }
      change (powerRZ 2 (e - 2 * norm_bits)) with (pow2 (e - 2 * norm_bits)).
      replace (e - 2 * norm_bits)%Z with (- norm_bits + (e + - norm_bits))%Z by ring.
      rewrite !mult_IZR, !pow2_add.
      apply IZR_le in A0, B0. pose proof (pow2_pos (- norm_bits)) as Pn.
      pose proof (sqrt_pos (square_norm (columns first) (entry (left_over first) i))) as S1.
      pose proof (sqrt_pos (square_norm (fst (z O)) (entry LT j))) as S2.
      unfold real_bound in *; cbn [fst snd] in *.
      replace (IZR (nth i (norms (left_over first)) 0%Z) * IZR k * IZR (nth j (norms LT) 0%Z)
               * (pow2 (- norm_bits) * (pow2 e * pow2 (- norm_bits))))
        with ((IZR (nth i (norms (left_over first)) 0%Z) * pow2 (- norm_bits)) * (IZR k * pow2 e)
              * (IZR (nth j (norms LT) 0%Z) * pow2 (- norm_bits))) by ring.
      apply Rmult_le_compat; [now apply Rmult_le_pos|easy| |exact B].
      apply Rmult_le_compat_r; [exact K0|exact A]. }
  destruct Drad as [Drad Hrad].
  pose proof (denotes_add_scaled (-1) _ _ _ _ _ _ Dp DQ) as Dv.
  pose proof (denotes_add_scaled (-1) _ _ _ _ _ _ Dv Drad) as [SLo DLo].
  pose proof (denotes_add_scaled 1 _ _ _ _ _ _ Dv Drad) as [SUp DUp].
  assert (Hn : m = O \/ n = columns last).
  { destruct m as [|m']; [now left|right]. destruct D as [S _].
    rewrite <- (shape_row _ _ _ O S), <- (shape_row _ _ _ O Hshape); [easy|lia..]. }
  destruct Hn as [-> | ->].
  - assert (Empty : forall A c, has_shape A 0 c -> has_shape A 0 n).
    { intros A c [LA _]. apply length_zero_iff_nil in LA. unfold has_shape. rewrite LA. now split. }
    split; [|split]; [eapply Empty; exact SLo|eapply Empty; exact SUp|]. intros i j Hi. lia.
  - split; [exact SLo|]. split; [exact SUp|]. intros i j Hi Hj. cbn [lower upper].
    fold Q rad. rewrite DLo, DUp by easy. rewrite <- (proj2 D i j Hi Hj).
    specialize (Hrad i j Hi Hj).
    set (w := inner (fst (z i)) (snd (z i)) (fun l => entry (left_over last) l j)) in *.
    pose proof (Rle_abs w) as A1. pose proof (Rle_abs (- w)) as A2. rewrite Rabs_Ropp in A2. lra.
Qed.
