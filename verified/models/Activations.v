(** * Activations

    One place for each: its enclosure, the lemma that it is one, and its word in a file.
    What it computes stands
    in [ProgramSemantics]. *)

From Coq Require Import Reals ZArith List Lia Lra String.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Matrices Tasks ProgramSemantics
  Balls Enclosures.
Import ListNotations.
Open Scope Z_scope.

(** ** relu *)

Definition relu_ball (b : ball) : ball := Ball (map (fun k => Z.max k 0) (centres b)) (radius b).

Open Scope R_scope.

Lemma relu_near p b y : near p b y -> near p (relu_ball b) (map relu y).
Proof.
  intros H. pose proof (near_radius _ _ _ H) as R. apply near_forall2 in H.
  apply forall2_near; [easy|]. unfold relu_ball; cbn [centres radius].
  induction H as [|k x c y' Hk _ IH]; simpl; constructor; [|easy].
  unfold relu. pose proof (pow2_pos p) as P.
  replace (Rmax x 0 * pow2 p) with (Rmax (x * pow2 p) 0).
  - rewrite (Z.max_comm k 0). apply Rabs_le_iff in Hk. apply Rabs_le_iff.
    destruct (Z.max_spec 0 k) as [[Hz ->]|[Hz ->]].
    + apply IZR_lt in Hz. unfold Rmax. destruct (Rle_dec (x * pow2 p) 0); lra.
    + apply IZR_le in Hz, R. unfold Rmax. destruct (Rle_dec (x * pow2 p) 0); lra.
  - rewrite <- (Rmult_0_l (pow2 p)) at 1. unfold Rmax.
    destruct (Rle_dec (x * pow2 p) (0 * pow2 p)), (Rle_dec x 0); nra.
Qed.

(** ** Gates: silu and gelu_new *)

Open Scope Z_scope.

(** Bounds of 2^e sigmoid (t 2^-p). *)
Definition sigmoid_lower (p e : Z) (F : list (Z * Z)) (t : Z) : Z :=
  let a := exp_lower e F (Z.max 0 (- t)) in
  let b := exp_upper p e F (Z.max 0 t) in
  Z.shiftl a e / (a + b).

Definition sigmoid_upper (p e : Z) (F : list (Z * Z)) (t : Z) : Z :=
  let a := exp_upper p e F (Z.max 0 (- t)) in
  let b := exp_lower e F (Z.max 0 t) in
  divide_up (Z.shiftl a e) (a + b).

(** An entry of x sigmoid (gate x), and its radius; [lo] and [hi] bound the gate. *)
Definition gated_entry (p e : Z) (F : list (Z * Z)) (lo hi : Z -> Z) (r k : Z) : Z * Z :=
  let u := sigmoid_lower p e F (lo (k - r)) in
  let v := sigmoid_upper p e F (hi (k + r)) in
  (shift_down (k * (u + v)) (- (e + 1)), shift_up (2 * r * v + Z.abs k * (v - u)) (- (e + 1)) + 1).

Definition gated_ball (p e : Z) (F : list (Z * Z)) (lo hi : Z -> Z) (b : ball) : ball :=
  let entries := map (gated_entry p e F lo hi (radius b)) (centres b) in
  Ball (map fst entries) (largest_of (map snd entries)).

Definition silu_ball (p e : Z) (F : list (Z * Z)) : ball
  -> ball := gated_ball p e F (fun t => t) (fun t => t).

Definition gelu_mantissa : Z := 7186705221432913.
Definition cubic_mantissa : Z := 6444110634811895.

(** Bounds of the gate of gelu_new at m >= 0, in units of 2^-p; the constants are taken to [w] bits. *)
Definition gate_down (p w m : Z) : Z :=
  let s := shift_down (m * m) (- p) in
  let t := Z.shiftl 1 p + shift_down (shift_down cubic_mantissa (w - 57) * s) (- w) in
  shift_down (shift_down gelu_mantissa (w - 52) * shift_down (m * t) (- p)) (- w).

Definition gate_up (p w m : Z) : Z :=
  let s := shift_up (m * m) (- p) in
  let t := Z.shiftl 1 p + shift_up (shift_up cubic_mantissa (w - 57) * s) (- w) in
  shift_up (shift_up gelu_mantissa (w - 52) * shift_up (m * t) (- p)) (- w).

Definition gelu_lower (p w t : Z) : Z := if 0 <=? t then gate_down p w t else - gate_up p w (- t).
Definition gelu_upper (p w t : Z) : Z := if 0 <=? t then gate_up p w t else - gate_down p w (- t).

Definition gelu_ball (p w e : Z) (F : list (Z * Z)) : ball -> ball :=
  gated_ball p e F (gelu_lower p w) (gelu_upper p w).

Open Scope R_scope.

Lemma sigmoid_quotient t : sigmoid t = exp (- Rmax 0 (- t)) / (exp (- Rmax 0 (- t)) + exp (- Rmax 0 t)).
Proof.
  unfold sigmoid. pose proof (exp_pos t). pose proof (exp_pos (- t)).
  assert (E : exp t * exp (- t) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  unfold Rmax. destruct (Rle_dec 0 (- t)) as [A|A], (Rle_dec 0 t) as [B|B];
    rewrite ?Ropp_involutive, ?Ropp_0, ?exp_0; try lra.
  - assert (t = 0) as -> by lra. rewrite Ropp_0, exp_0. lra.
  - apply Rmult_eq_reg_r with ((1 + exp (- t)) * (exp t + 1)); [|nra].
    replace (1 / (1 + exp (- t)) * ((1 + exp (- t)) * (exp t + 1))) with (exp t + 1) by (field; lra).
    replace (exp t / (exp t + 1) * ((1 + exp (- t)) * (exp t + 1))) with (exp t * (1 + exp (- t)))
      by (field; lra).
    lra.
Qed.

Lemma sigmoid_increases a b : a <= b -> sigmoid a <= sigmoid b.
Proof.
  intros H. unfold sigmoid. pose proof (exp_pos (- a)). pose proof (exp_pos (- b)).
  assert (exp (- b) <= exp (- a)) by (apply exp_le; lra).
  unfold Rdiv. rewrite !Rmult_1_l. apply Rinv_le_contravar; lra.
Qed.

Lemma sigmoid_between t : 0 < sigmoid t < 1.
Proof.
  unfold sigmoid, Rdiv. rewrite Rmult_1_l. pose proof (exp_pos (- t)). split.
  - apply Rinv_0_lt_compat. lra.
  - rewrite <- Rinv_1. apply Rinv_lt_contravar; lra.
Qed.

(** a / (a + b) grows with a and falls with b. *)
Lemma share_le a b a' b' : 0 <= a -> 0 < a' -> 0 <= b' -> a <= a' -> b' <= b -> 0 < a + b ->
  a / (a + b) <= a' / (a' + b').
Proof.
  intros. apply Rmult_le_reg_r with ((a + b) * (a' + b')); [nra|].
  replace (a / (a + b) * ((a + b) * (a' + b'))) with (a * (a' + b')) by (field; lra).
  replace (a' / (a' + b') * ((a + b) * (a' + b'))) with (a' * (a + b)) by (field; lra). nra.
Qed.

Lemma IZR_max a b : IZR (Z.max a b) = Rmax (IZR a) (IZR b).
Proof.
  destruct (Z.max_spec a b) as [[H ->]|[H ->]].
  - apply IZR_lt in H. now rewrite Rmax_right by lra.
  - apply IZR_le in H. now rewrite Rmax_left by lra.
Qed.

Lemma scaled_max p t : pow2 (- p) * IZR (Z.max 0 t) = Rmax 0 (pow2 (- p) * IZR t).
Proof.
  rewrite IZR_max. pose proof (pow2_pos (- p)). unfold Rmax.
  destruct (Rle_dec 0 (IZR t)), (Rle_dec 0 (pow2 (- p) * IZR t)); nra.
Qed.

Lemma sigmoid_lower_le p e t : (0 <= p <= e)%Z ->
  (0 <= sigmoid_lower p e (factors p e) t)%Z /\
  IZR (sigmoid_lower p e (factors p e) t) <= pow2 e * sigmoid (pow2 (- p) * IZR t).
Proof.
  intros H. unfold sigmoid_lower.
  destruct (exp_lower_spec p e (Z.max 0 (- t)) H ltac:(lia)) as [A0 A].
  pose proof (exp_upper_spec p e (Z.max 0 t) H ltac:(lia)) as B.
  set (a := exp_lower _ _ _) in *. set (b := exp_upper _ _ _ _) in *.
  rewrite scaled_max in A, B. rewrite opp_IZR, Ropp_mult_distr_r_reverse in A.
  pose proof (pow2_pos e) as P. rewrite sigmoid_quotient. set (x := pow2 (- p) * IZR t) in *.
  pose proof (exp_pos (- Rmax 0 (- x))) as X. pose proof (exp_pos (- Rmax 0 x)) as Y.
  set (u := exp (- Rmax 0 (- x))) in *. set (v := exp (- Rmax 0 x)) in *.
  assert (Hb : (0 < b)%Z) by (apply lt_IZR; nra). apply IZR_lt in Hb as Hb'. apply IZR_le in A0 as A0'.
  rewrite Z.shiftl_mul_pow2 by lia. split; [apply Z.div_pos; [|lia]; apply Z.mul_nonneg_nonneg;
    [lia|apply Z.pow_nonneg; lia]|].
  eapply Rle_trans; [apply floor_divide_le; lia|]. rewrite mult_IZR, plus_IZR, pow2_IZR by lia.
  replace (IZR a * pow2 e / (IZR a + IZR b)) with (pow2 e * (IZR a / (IZR a + IZR b))) by (field; lra).
  apply Rmult_le_compat_l; [lra|].
  replace (u / (u + v)) with (pow2 e * u / (pow2 e * u + pow2 e * v)) by (field; split; nra).
  apply share_le; nra.
Qed.

Lemma sigmoid_upper_ge p e t : (0 <= p <= e)%Z ->
  pow2 e * sigmoid (pow2 (- p) * IZR t) <= IZR (sigmoid_upper p e (factors p e) t).
Proof.
  intros H. unfold sigmoid_upper.
  destruct (exp_lower_spec p e (Z.max 0 t) H ltac:(lia)) as [B0 B].
  pose proof (exp_upper_spec p e (Z.max 0 (- t)) H ltac:(lia)) as A.
  set (b := exp_lower _ _ _) in *. set (a := exp_upper _ _ _ _) in *.
  rewrite scaled_max in A, B. rewrite opp_IZR, Ropp_mult_distr_r_reverse in A.
  pose proof (pow2_pos e) as P. rewrite sigmoid_quotient. set (x := pow2 (- p) * IZR t) in *.
  pose proof (exp_pos (- Rmax 0 (- x))) as X. pose proof (exp_pos (- Rmax 0 x)) as Y.
  set (u := exp (- Rmax 0 (- x))) in *. set (v := exp (- Rmax 0 x)) in *.
  assert (Ha : (0 < a)%Z) by (apply lt_IZR; nra). apply IZR_lt in Ha as Ha'. apply IZR_le in B0 as B0'.
  rewrite Z.shiftl_mul_pow2 by lia.
  eapply Rle_trans; [|apply divide_up_ge; lia]. rewrite mult_IZR, plus_IZR, pow2_IZR by lia.
  replace (IZR a * pow2 e / (IZR a + IZR b)) with (pow2 e * (IZR a / (IZR a + IZR b))) by (field; lra).
  apply Rmult_le_compat_l; [lra|].
  replace (u / (u + v)) with (pow2 e * u / (pow2 e * u + pow2 e * v)) by (field; split; nra).
  apply share_le; nra.
Qed.

(** [lo] and [hi] bound the gate, which grows, at integers in units of 2^-p. *)
Definition gate_bounds (p : Z) (gate : R -> R) (lo hi : Z -> Z) : Prop :=
  (forall x y, x <= y -> gate x <= gate y) /\
  forall k, IZR (lo k) <= gate (IZR k * pow2 (- p)) * pow2 p <= IZR (hi k).

Lemma gated_entry_near p e gate lo hi r k x : (0 <= p <= e)%Z -> (0 <= r)%Z -> gate_bounds p gate lo hi ->
  Rabs (x * pow2 p - IZR k) <= IZR r ->
  Rabs (x * sigmoid (gate x) * pow2 p - IZR (fst (gated_entry p e (factors p e) lo hi r k)))
  <= IZR (snd (gated_entry p e (factors p e) lo hi r k)).
Proof.
  intros H Hr [Mono Hg] E. unfold gated_entry. cbn [fst snd].
  pose proof (pow2_pos p) as P. pose proof (pow2_pos (- p)) as P'. pose proof (pow2_opp p) as O.
  pose proof (pow2_pos e) as Pe. pose proof (pow2_pos (- e)) as Pe'. pose proof (pow2_opp e) as Oe.
  destruct (sigmoid_lower_le p e (lo (k - r)%Z) H) as [U0 U].
  pose proof (sigmoid_upper_ge p e (hi (k + r)%Z) H) as V.
  set (u := sigmoid_lower _ _ _ _) in *. set (v := sigmoid_upper _ _ _ _) in *.
  assert (G1 : pow2 (- p) * IZR (lo (k - r)%Z) <= gate x).
  { destruct (Hg (k - r)%Z) as [G _]. assert (gate (IZR (k - r) * pow2 (- p)) <= gate x).
    { apply Mono. apply Rabs_le_iff in E. rewrite minus_IZR.
      replace x with (x * pow2 p * pow2 (- p)) by (rewrite Rmult_assoc, O; ring).
      apply Rmult_le_compat_r; lra. }
    apply Rmult_le_reg_l with (pow2 p); [easy|]. rewrite <- Rmult_assoc, O. nra. }
  assert (G2 : gate x <= pow2 (- p) * IZR (hi (k + r)%Z)).
  { destruct (Hg (k + r)%Z) as [_ G]. assert (gate x <= gate (IZR (k + r) * pow2 (- p))).
    { apply Mono. apply Rabs_le_iff in E. rewrite plus_IZR.
      replace x with (x * pow2 p * pow2 (- p)) by (rewrite Rmult_assoc, O; ring).
      apply Rmult_le_compat_r; lra. }
    apply Rmult_le_reg_l with (pow2 p); [easy|]. rewrite <- Rmult_assoc, O. nra. }
  apply sigmoid_increases in G1, G2. set (s := sigmoid (gate x)) in *.
  assert (S1 : IZR u <= pow2 e * s) by nra. assert (S2 : pow2 e * s <= IZR v) by nra.
  assert (S0 : 0 < s) by apply sigmoid_between.
  assert (B : Rabs (x * s * pow2 p * pow2 (e + 1) - IZR (k * (u + v)))
    <= IZR (2 * r * v + Z.abs k * (v - u))).
  { rewrite plus_IZR, !mult_IZR, minus_IZR, plus_IZR, abs_IZR, pow2_add. change (pow2 1) with (2 * 1).
    replace (x * s * pow2 p * (pow2 e * (2 * 1)) - IZR k * (IZR u + IZR v))
      with (2 * (x * pow2 p - IZR k) * (pow2 e * s) + IZR k * (2 * (pow2 e * s) - (IZR u + IZR v))) by ring.
    apply Rabs_sum; rewrite Rabs_mult.
    - rewrite Rabs_mult, (Rabs_right 2), (Rabs_right (pow2 e * s)) by nra.
      apply Rmult_le_compat; [|nra| |easy]; [|lra]. pose proof (Rabs_pos (x * pow2 p - IZR k)). lra.
    - apply Rmult_le_compat_l; [apply Rabs_pos|]. apply Rabs_le_iff. lra. }
  apply (scaled_error _ _ _ (e + 1)) in B.
  replace (x * s * pow2 p * pow2 (e + 1) * pow2 (- (e + 1))) with (x * s * pow2 p) in B; [exact B|].
  rewrite (Rmult_assoc (x * s * pow2 p)), pow2_opp. ring.
Qed.

Lemma gated_near p e gate lo hi b y : (0 <= p <= e)%Z -> gate_bounds p gate lo hi -> near p b y ->
  near p (gated_ball p e (factors p e) lo hi b) (map (fun x => x * sigmoid (gate x)) y).
Proof.
  intros H Hg Hb. pose proof (near_radius _ _ _ Hb) as R. apply near_forall2 in Hb. unfold gated_ball.
  set (entry := gated_entry p e (factors p e) lo hi (radius b)).
  apply forall2_near; [apply largest_of_nonneg|]. unfold entries_near.
  rewrite (map_map entry fst). apply forall2_map. eapply forall2_in; [exact Hb|]. intros k x Hk _ E.
  eapply Rle_trans; [apply (gated_entry_near p e gate lo hi (radius b)); easy|].
  apply IZR_le, largest_of_ge. unfold entry. rewrite map_map.
  exact (in_map (fun k => snd (gated_entry p e (factors p e) lo hi (radius b) k)) _ _ Hk).
Qed.

Lemma silu_near p e b y : (0 <= p <= e)%Z -> near p b y
  -> near p (silu_ball p e (factors p e) b) (map silu y).
Proof.
  intros H Hb. apply (gated_near p e (fun t => t)); [easy| |easy]. split; [easy|].
  intros k. rewrite Rmult_assoc, (Rmult_comm (pow2 (- p))), pow2_opp. lra.
Qed.

Definition gelu_gate (x : R) : R := gelu_scale * (x + gelu_cubic * (x * x * x)).

Lemma gelu_constants : 0 < gelu_scale /\ 0 < gelu_cubic.
Proof. unfold gelu_scale, gelu_cubic. lra. Qed.

Lemma constant_bounds w : 
  (IZR (shift_down gelu_mantissa (w - 52)) <= gelu_scale * pow2 w <= IZR (shift_up gelu_mantissa (w - 52))) /\
  (IZR (shift_down cubic_mantissa (w - 57)) <= gelu_cubic * pow2 w <= IZR (shift_up cubic_mantissa (w - 57))).
Proof.
  assert (D : forall n, pow2 w = pow2 (w - Z.of_nat n) * 2 ^ n).
  { intros n. rewrite pow_powerRZ. change (powerRZ 2 (Z.of_nat n)) with (pow2 (Z.of_nat n)).
    rewrite <- pow2_add. f_equal. lia. }
  assert (E : gelu_scale * pow2 w = IZR gelu_mantissa * pow2 (w - 52)).
  { rewrite (D 52%nat). change (Z.of_nat 52) with 52%Z. unfold gelu_scale, gelu_mantissa. field. }
  assert (E' : gelu_cubic * pow2 w = IZR cubic_mantissa * pow2 (w - 57)).
  { rewrite (D 57%nat). change (Z.of_nat 57) with 57%Z. unfold gelu_cubic, cubic_mantissa. field. }
  rewrite E, E'. repeat split; (apply shift_down_le || apply shift_up_ge).
Qed.

(** m 2^-p put into the gate, in units of 2^-p, for m >= 0. *)
Lemma gate_between p w m : (0 <= p)%Z -> (0 <= m)%Z ->
  IZR (gate_down p w m) <= gelu_gate (IZR m * pow2 (- p)) * pow2 p <= IZR (gate_up p w m).
Proof.
  intros Hp Hm. destruct (constant_bounds w) as [[A1 A2] [B1 B2]]. destruct gelu_constants as [A0 B0].
  assert (Al : (0 <= shift_down gelu_mantissa (w - 52))%Z) by now apply shift_down_nonneg.
  assert (Bl : (0 <= shift_down cubic_mantissa (w - 57))%Z) by now apply shift_down_nonneg.
  unfold gate_down, gate_up, gelu_gate.
  set (al := shift_down gelu_mantissa (w - 52)) in *. set (au := shift_up gelu_mantissa (w - 52)) in *.
  set (bl := shift_down cubic_mantissa (w - 57)) in *. set (bu := shift_up cubic_mantissa (w - 57)) in *.
  set (A := gelu_scale) in *. set (B := gelu_cubic) in *. clearbody A B al au bl bu.
  pose proof (pow2_pos p) as P. pose proof (pow2_pos (- p)) as P'. pose proof (pow2_opp p) as O.
  pose proof (pow2_pos w) as W. pose proof (pow2_pos (- w)) as W'. pose proof (pow2_opp w) as Ow.
  apply IZR_le in Hm as Hm', Al as Al', Bl as Bl'.
  set (x := IZR m * pow2 (- p)). assert (X : x * pow2 p = IZR m).
  { unfold x. rewrite Rmult_assoc, (Rmult_comm (pow2 (- p))), O. ring. }
  assert (X0 : 0 <= x) by (unfold x; nra).
  assert (XX : IZR (m * m) * pow2 (- p) = x * x * pow2 p).
  { rewrite mult_IZR, <- X. replace (x * pow2 p * (x * pow2 p) * pow2 (- p))
      with (x * x * pow2 p * (pow2 p * pow2 (- p))) by ring. rewrite O. ring. }
  assert (One : IZR (Z.shiftl 1 p) = pow2 p) by (rewrite Z.shiftl_1_l; now apply pow2_IZR).
  split.
  - pose proof (shift_down_le (m * m) (- p)) as S. rewrite XX in S.
    pose proof (shift_down_nonneg (m * m) (- p) ltac:(nia)) as S0.
    set (s := shift_down (m * m) (- p)) in *. apply IZR_le in S0 as S0'.
    pose proof (shift_down_le (bl * s) (- w)) as T.
    pose proof (shift_down_nonneg (bl * s) (- w) ltac:(nia)) as T0.
    set (t := (Z.shiftl 1 p + shift_down (bl * s) (- w))%Z).
    assert (T1 : IZR t <= (1 + B * (x * x)) * pow2 p).
    { unfold t. rewrite plus_IZR, One, mult_IZR in *.
      assert (IZR bl * IZR s * pow2 (- w) <= B * (x * x) * pow2 p); [|lra].
      replace (B * (x * x) * pow2 p) with (B * pow2 w * (x * x * pow2 p) * pow2 (- w)).
      - apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat; easy.
      - replace (B * pow2 w * (x * x * pow2 p) * pow2 (- w))
        with (B * (x * x) * pow2 p * (pow2 w * pow2 (- w))) by ring.
        rewrite Ow. ring. }
    assert (T2 : (0 <= t)%Z) by (unfold t; rewrite Z.shiftl_1_l;
      assert (0 <= 2 ^ p)%Z by (apply Z.pow_nonneg; lia); lia).
    clearbody t. pose proof (shift_down_le (m * t) (- p)) as U.
    pose proof (shift_down_nonneg (m * t) (- p) ltac:(nia)) as U0. set (u := shift_down (m * t) (- p)) in *.
    apply IZR_le in T2 as T2', U0 as U0'.
    assert (U1 : IZR u <= (x + B * (x * x * x)) * pow2 p).
    { eapply Rle_trans; [exact U|]. rewrite mult_IZR, <- X.
      replace (x * pow2 p * IZR t * pow2 (- p)) with (x * IZR t * (pow2 p * pow2 (- p))) by ring.
      rewrite O. nra. }
    eapply Rle_trans; [apply shift_down_le|]. rewrite mult_IZR.
    assert (Q : IZR al * IZR u <= A * pow2 w * ((x + B * (x * x * x)) * pow2 p)) by (apply Rmult_le_compat;
      easy).
    replace (A * (x + B * (x * x * x)) * pow2 p)
      with (A * pow2 w * ((x + B * (x * x * x)) * pow2 p) * pow2 (- w)).
    + apply Rmult_le_compat_r; lra.
    + replace (A * pow2 w * ((x + B * (x * x * x)) * pow2 p) * pow2 (- w))
        with (A * (x + B * (x * x * x)) * pow2 p * (pow2 w * pow2 (- w))) by ring. rewrite Ow. ring.
  - pose proof (shift_up_ge (m * m) (- p)) as S. rewrite XX in S. set (s := shift_up (m * m) (- p)) in *.
    assert (S0 : 0 <= x * x * pow2 p) by nra.
    pose proof (shift_up_ge (bu * s) (- w)) as T. set (t := (Z.shiftl 1 p + shift_up (bu * s) (- w))%Z).
    assert (T1 : (1 + B * (x * x)) * pow2 p <= IZR t).
    { unfold t. rewrite plus_IZR, One, mult_IZR in *.
      assert (B * (x * x) * pow2 p <= IZR bu * IZR s * pow2 (- w)); [|lra].
      replace (B * (x * x) * pow2 p) with (B * pow2 w * (x * x * pow2 p) * pow2 (- w)).
      - apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat; try easy. nra.
      - replace (B * pow2 w * (x * x * pow2 p) * pow2 (- w))
        with (B * (x * x) * pow2 p * (pow2 w * pow2 (- w))) by ring.
        rewrite Ow. ring. }
    clearbody t. pose proof (shift_up_ge (m * t) (- p)) as U. set (u := shift_up (m * t) (- p)) in *.
    assert (U1 : (x + B * (x * x * x)) * pow2 p <= IZR u).
    { eapply Rle_trans; [|exact U]. rewrite mult_IZR, <- X.
      replace (x * pow2 p * IZR t * pow2 (- p)) with (x * IZR t * (pow2 p * pow2 (- p))) by ring.
      rewrite O. nra. }
    eapply Rle_trans; [|apply shift_up_ge]. rewrite mult_IZR.
    assert (G0 : 0 <= (x + B * (x * x * x)) * pow2 p).
    { assert (0 <= B * (x * x * x)) by (repeat apply Rmult_le_pos; lra). apply Rmult_le_pos; lra. }
    assert (Q : A * pow2 w * ((x + B * (x * x * x)) * pow2 p) <= IZR au * IZR u).
    { apply Rmult_le_compat; try easy. nra. }
    replace (A * (x + B * (x * x * x)) * pow2 p)
      with (A * pow2 w * ((x + B * (x * x * x)) * pow2 p) * pow2 (- w)).
    + apply Rmult_le_compat_r; lra.
    + replace (A * pow2 w * ((x + B * (x * x * x)) * pow2 p) * pow2 (- w))
        with (A * (x + B * (x * x * x)) * pow2 p * (pow2 w * pow2 (- w))) by ring. rewrite Ow. ring.
Qed.

Lemma gelu_gate_odd x : gelu_gate (- x) = - gelu_gate x.
Proof. unfold gelu_gate. ring. Qed.

Lemma gelu_gate_increases x y : x <= y -> gelu_gate x <= gelu_gate y.
Proof.
  intros H. unfold gelu_gate. destruct gelu_constants as [A B].
  apply Rmult_le_compat_l; [lra|].
  assert (x * x * x <= y * y * y); [|nra].
  assert (E : y * y * y - x * x * x = (y - x) * ((x + y / 2) * (x + y / 2) + 3 / 4 * (y * y))) by field.
  assert (0 <= (x + y / 2) * (x + y / 2)) by apply Rle_0_sqr. assert (0 <= y * y) by apply Rle_0_sqr.
  assert (0 <= (y - x) * ((x + y / 2) * (x + y / 2) + 3 / 4 * (y * y))) by (apply Rmult_le_pos; lra). lra.
Qed.

Lemma gelu_near p w e b y : (0 <= p <= e)%Z -> near p b y ->
  near p (gelu_ball p w e (factors p e) b) (map gelu_new y).
Proof.
  intros H Hb. apply (gated_near p e gelu_gate); [easy| |easy]. split; [exact gelu_gate_increases|].
  intros k. unfold gelu_lower, gelu_upper. destruct (0 <=? k)%Z eqn:E.
  - apply Z.leb_le in E. apply gate_between; lia.
  - apply Z.leb_gt in E. pose proof (gate_between p w (- k) ltac:(lia) ltac:(lia)) as G.
    rewrite !opp_IZR in *. replace (- IZR k * pow2 (- p)) with (- (IZR k * pow2 (- p))) in G by ring.
    rewrite gelu_gate_odd in G. lra.
Qed.

(** ** tanh *)

Open Scope Z_scope.

(** tanh x = 2 sigmoid (2 x) - 1 grows: its bounds at the ends of the ball, in units of 2^-e, are [a] and [b]. *)
Definition tanh_entry (p e : Z) (F : list (Z * Z)) (r k : Z) : Z * Z :=
  let a := 2 * sigmoid_lower p e F (2 * (k - r)) - Z.shiftl 1 e in
  let b := 2 * sigmoid_upper p e F (2 * (k + r)) - Z.shiftl 1 e in
  (shift_down (a + b) (p - e - 1), shift_up (b - a) (p - e - 1) + 1).

Definition tanh_ball (p e : Z) (F : list (Z * Z)) (b : ball) : ball :=
  let entries := map (tanh_entry p e F (radius b)) (centres b) in
  Ball (map fst entries) (largest_of (map snd entries)).

Open Scope R_scope.

Lemma tanh_sigmoid x : tanh x = 2 * sigmoid (2 * x) - 1.
Proof.
  unfold tanh, sinh, cosh, sigmoid. pose proof (exp_pos x). pose proof (exp_pos (- x)).
  replace (- (2 * x)) with (- x + - x) by ring. rewrite exp_plus.
  assert (E : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
  set (u := exp x) in *. set (v := exp (- x)) in *. clearbody u v.
  apply Rmult_eq_reg_r with ((u + v) * (1 + v * v)); [|nra].
  replace ((u - v) / 2 / ((u + v) / 2) * ((u + v) * (1 + v * v))) with ((u - v) * (1 + v * v))
    by (field; nra).
  replace ((2 * (1 / (1 + v * v)) - 1) * ((u + v) * (1 + v * v))) with ((u + v) * (1 - v * v))
    by (field; nra).
  replace (u - v) with (u - v) by ring. nra.
Qed.

Lemma tanh_entry_near p e r k x : (0 <= p <= e)%Z -> Rabs (x * pow2 p - IZR k) <= IZR r ->
  Rabs (tanh x * pow2 p - IZR (fst (tanh_entry p e (factors p e) r k)))
  <= IZR (snd (tanh_entry p e (factors p e) r k)).
Proof.
  intros H E. unfold tanh_entry. cbn [fst snd].
  pose proof (pow2_pos p) as P. pose proof (pow2_pos (- p)) as P'. pose proof (pow2_opp p) as O.
  pose proof (pow2_pos e) as Pe.
  destruct (sigmoid_lower_le p e (2 * (k - r))%Z H) as [_ U].
  pose proof (sigmoid_upper_ge p e (2 * (k + r))%Z H) as V.
  set (u := sigmoid_lower _ _ _ _) in *. set (v := sigmoid_upper _ _ _ _) in *.
  apply Rabs_le_iff in E.
  assert (X : x = x * pow2 p * pow2 (- p)) by (rewrite Rmult_assoc, O; ring).
  assert (G1 : pow2 (- p) * IZR (2 * (k - r)) <= 2 * x).
  { rewrite mult_IZR, minus_IZR. rewrite X. nra. }
  assert (G2 : 2 * x <= pow2 (- p) * IZR (2 * (k + r))).
  { rewrite mult_IZR, plus_IZR. rewrite X at 1. nra. }
  apply sigmoid_increases in G1, G2.
  assert (T : tanh x * pow2 e = 2 * (pow2 e * sigmoid (2 * x)) - pow2 e) by (rewrite tanh_sigmoid; ring).
  set (s := sigmoid (2 * x)) in *.
  assert (S1 : IZR u <= pow2 e * s) by nra. assert (S2 : pow2 e * s <= IZR v) by nra.
  assert (One : IZR (Z.shiftl 1 e) = pow2 e) by (rewrite Z.shiftl_1_l; apply pow2_IZR; lia).
  set (a := (2 * u - Z.shiftl 1 e)%Z). set (b := (2 * v - Z.shiftl 1 e)%Z).
  assert (A : IZR a = 2 * IZR u - pow2 e) by (unfold a; now rewrite minus_IZR, mult_IZR, One).
  assert (B : IZR b = 2 * IZR v - pow2 e) by (unfold b; now rewrite minus_IZR, mult_IZR, One).
  clearbody a b.
  assert (Q : Rabs (tanh x * pow2 p * pow2 (e + 1 - p) - IZR (a + b)) <= IZR (b - a)).
  { rewrite plus_IZR, minus_IZR.
    replace (tanh x * pow2 p * pow2 (e + 1 - p)) with (2 * (tanh x * pow2 e)).
    - apply Rabs_le_iff. lra.
    - rewrite Rmult_assoc, <- pow2_add. replace (p + (e + 1 - p))%Z with (e + 1)%Z by lia.
      rewrite pow2_add. change (pow2 1) with (2 * 1). ring. }
  apply (scaled_error _ _ _ (e + 1 - p)) in Q. replace (p - e - 1)%Z with (- (e + 1 - p))%Z by lia.
  rewrite (Rmult_assoc (tanh x * pow2 p)), pow2_opp, Rmult_1_r in Q. exact Q.
Qed.

Lemma tanh_near p e b y : (0 <= p <= e)%Z -> near p b y ->
  near p (tanh_ball p e (factors p e) b) (map tanh y).
Proof.
  intros H Hb. pose proof (near_radius _ _ _ Hb) as R. apply near_forall2 in Hb. unfold tanh_ball.
  set (entry := tanh_entry p e (factors p e) (radius b)).
  apply forall2_near; [apply largest_of_nonneg|]. unfold entries_near.
  rewrite (map_map entry fst). apply forall2_map. eapply forall2_in; [exact Hb|]. intros k x Hk _ E.
  eapply Rle_trans; [now apply (tanh_entry_near p e (radius b))|].
  apply IZR_le, largest_of_ge. unfold entry. rewrite map_map.
  exact (in_map (fun k => snd (tanh_entry p e (factors p e) (radius b) k)) _ _ Hk).
Qed.

(** ** All *)

Open Scope Z_scope.

Definition activation_ball (p w e : Z) (F : list (Z * Z)) (f : activation) : ball -> ball :=
  match f with
  | Relu => relu_ball
  | GeluNew => gelu_ball p w e F
  | Silu => silu_ball p e F
  | Tanh => tanh_ball p e F
  end.

Lemma activation_near p w e f b y : 0 <= p <= e -> near p b y ->
  near p (activation_ball p w e (factors p e) f b) (map (activate f) y).
Proof.
  intros H Hb. destruct f; cbn [activation_ball activate].
  - now apply relu_near.
  - now apply gelu_near.
  - now apply silu_near.
  - now apply tanh_near.
Qed.

Definition activations : list activation := [Relu; GeluNew; Silu; Tanh].

Definition activation_word (f : activation) : string :=
  match f with
  | Relu => "relu "
  | GeluNew => "gelu_new "
  | Silu => "silu "
  | Tanh => "tanh "
  end.

Definition activation_number (f : activation) : nat :=
  match f with
  | Relu => 0
  | GeluNew => 1
  | Silu => 2
  | Tanh => 3
  end.

Lemma activation_listed f : (activation_number f < List.length activations)%nat /\
  nth (activation_number f) activations Relu = f.
Proof. destruct f; split; simpl; lia || easy. Qed.

Lemma activation_number_nth i : (i < List.length activations)%nat ->
  activation_number (nth i activations Relu) = i.
Proof. intros H. do 4 (destruct i as [|i]; [easy|]). simpl in H. lia. Qed.
