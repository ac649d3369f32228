(** * Exact roundings

    Mirrors [checker/numbers/rounding.py]: the only places where a number is ever replaced by a nearby one.
    A fixed-point number of [b] fractional bits is an integer [k] that stands for [k / 2^b]. Every function
    is proved to be the floor or the ceiling that it is said to be, or to enclose what it is said to enclose. *)

From Coq Require Import Reals ZArith List Lia Lra.
Import ListNotations.
Open Scope Z_scope.

(** ** Definitions *)

(** floor (number * 2^shift) *)
Definition shift_down (number shift : Z) : Z := Z.shiftl number shift.

(** ceil (number * 2^shift) *)
Definition shift_up (number shift : Z) : Z := - shift_down (- number) shift.

(** ceil (a / b), for b > 0 *)
Definition divide_up (a b : Z) : Z := - (- a / b).

(** floor (number * 2^shift / sqrt divisor), for divisor > 0 *)
Definition root_down (number shift divisor : Z) : Z :=
  let numerator := Z.shiftl (number * number) (Z.max 0 (2 * shift)) in
  let denominator := Z.shiftl divisor (Z.max 0 (- 2 * shift)) in
  if 0 <=? number then Z.sqrt (numerator / denominator)
  else - 1 - Z.sqrt ((numerator - 1) / denominator).

(** ceil (number * 2^shift / sqrt divisor), for divisor > 0 *)
Definition root_up (number shift divisor : Z) : Z := - root_down (- number) shift divisor.

(** ceil (sqrt square * 2^shift), for square >= 0 *)
Definition norm_up (square shift : Z) : Z :=
  let scaled := shift_up square (2 * shift) in
  if scaled <=? 0 then 0 else Z.sqrt (scaled - 1) + 1.

(** How many binary digits a number >= 0 has. *)
Definition bit_length (number : Z) : nat :=
  if number <=? 0 then O else Z.to_nat (Z.log2 number + 1).

(** ** The exponential

    As [Exponential] of [checker/numbers/rounding.py]: for 0 <= x <= 1, 1 - x <= exp (-x) <= 1 - x + x^2; from
    x = 2^-start, repeated squaring, rounded outward, encloses exp (-2^i / 2^argument_bits) for each bit i. *)

Definition square (scale : Z) (interval : Z * Z) : Z * Z :=
  (shift_down (fst interval * fst interval) (- scale), shift_up (snd interval * snd interval) (- scale)).

Fixpoint repeat_square (count : nat) (scale : Z) (interval : Z * Z) : Z * Z :=
  match count with
  | O => interval
  | S k => repeat_square k scale (square scale interval)
  end.

Fixpoint squares (count : nat) (b scale : Z) (interval : Z * Z) : list (Z * Z) :=
  match count with
  | O => []
  | S k => (shift_down (fst interval) (b - scale), shift_up (snd interval) (b - scale))
           :: squares k b scale (square scale interval)
  end.

(** Enclosures, in fixed point of [b] bits, of exp (-2^i / 2^argument_bits), for every bit i of
  [max_argument]. *)
Definition exponential_factors (argument_bits b max_argument : Z) : list (Z * Z) :=
  let start := b + 16 in
  let scale := 2 * start in
  let lower := Z.shiftl 1 scale - Z.shiftl 1 start in
  squares (bit_length max_argument) b scale
    (repeat_square (Z.to_nat (start - argument_bits)) scale (lower, lower + 1)).

(** [result] times the lower factors of the bits of [argument], rounded down at each step. *)
Fixpoint lower_product (b : Z) (factors : list (Z * Z)) (argument result : Z) : Z :=
  match factors with
  | [] => if argument =? 0 then result else 0
  | (factor, _) :: rest =>
      lower_product b rest (Z.div2 argument)
        (if Z.odd argument then Z.shiftr (result * factor) b else result)
  end.

(** [result] times the upper factors of the bits of [argument], rounded up at each step. *)
Fixpoint upper_product (b : Z) (factors : list (Z * Z)) (argument result : Z) : Z :=
  match factors with
  | [] => result
  | (_, factor) :: rest =>
      upper_product b rest (Z.div2 argument)
        (if Z.odd argument then - Z.shiftr (- (result * factor)) b else result)
  end.

Definition exponential_lower (b : Z) (factors : list (Z * Z)) (argument : Z) : Z :=
  lower_product b factors argument (Z.shiftl 1 b).

Definition exponential_upper (b : Z) (factors : list (Z * Z)) (argument : Z) : Z :=
  upper_product b factors argument (Z.shiftl 1 b).

(** ** Powers of two *)

Open Scope R_scope.

Definition pow2 (e : Z) : R := powerRZ 2 e.

Lemma pow2_pos e : 0 < pow2 e.
Proof. apply powerRZ_lt; lra. Qed.

Lemma pow2_add a b : pow2 (a + b) = pow2 a * pow2 b.
Proof. apply powerRZ_add; lra. Qed.

Lemma pow2_0 : pow2 0 = 1.
Proof. reflexivity. Qed.

Lemma pow2_IZR e : (0 <= e)%Z -> IZR (2 ^ e) = pow2 e.
Proof.
  intros He. rewrite <- (Z2Nat.id e) by easy. generalize (Z.to_nat e) as n; intros n.
  rewrite <- pow_IZR. unfold pow2. now rewrite <- pow_powerRZ.
Qed.

Lemma pow2_opp e : pow2 e * pow2 (- e) = 1.
Proof. rewrite <- pow2_add. now rewrite Z.add_opp_diag_r. Qed.

Lemma pow2_ge_1 e : (0 <= e)%Z -> 1 <= pow2 e.
Proof.
  intros He. rewrite <- pow2_IZR by easy. apply IZR_le.
  assert (0 < 2 ^ e)%Z by now apply Z.pow_pos_nonneg. lia.
Qed.

(** ** Floors and ceilings *)

Lemma floor_divide a b : (0 < b)%Z ->
  IZR (a / b) * IZR b <= IZR a < (IZR (a / b) + 1) * IZR b.
Proof.
  intros Hb. pose proof (Z.div_mod a b ltac:(lia)) as E.
  pose proof (Z.mod_pos_bound a b Hb) as B.
  rewrite <- plus_IZR, <- !mult_IZR. split; [apply IZR_le|apply IZR_lt]; nia.
Qed.

Lemma floor_divide_le a b : (0 < b)%Z -> IZR (a / b) <= IZR a / IZR b.
Proof.
  intros Hb. destruct (floor_divide a b Hb) as [H _].
  apply IZR_lt in Hb. apply Rmult_le_reg_r with (IZR b); [easy|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma divide_up_ge a b : (0 < b)%Z -> IZR a / IZR b <= IZR (divide_up a b).
Proof.
  intros Hb. pose proof (floor_divide_le (- a) b Hb) as H. unfold divide_up.
  rewrite opp_IZR in *. unfold Rdiv in *. lra.
Qed.

Lemma shift_down_floor number shift :
  IZR (shift_down number shift) <= IZR number * pow2 shift < IZR (shift_down number shift) + 1.
Proof.
  unfold shift_down. destruct (Z.le_gt_cases 0 shift) as [H|H].
  - rewrite Z.shiftl_mul_pow2 by easy. rewrite mult_IZR, pow2_IZR by easy. lra.
  - replace shift with (- (- shift))%Z by lia. set (s := (- shift)%Z) in *.
    assert (Hs : (0 < 2 ^ s)%Z) by (apply Z.pow_pos_nonneg; lia).
    rewrite Z.shiftl_opp_r, Z.shiftr_div_pow2 by lia.
    pose proof (floor_divide number (2 ^ s) Hs) as F.
    rewrite pow2_IZR in F by lia.
    pose proof (pow2_opp s) as O. pose proof (pow2_pos (- s)) as P.
    set (q := IZR (number / 2 ^ s)) in *.
    replace q with (q * pow2 s * pow2 (- s)) by (rewrite Rmult_assoc, O; ring).
    replace (q * pow2 s * pow2 (- s) + 1) with ((q + 1) * pow2 s * pow2 (- s))
      by (rewrite Rmult_plus_distr_r, Rmult_plus_distr_r, (Rmult_assoc 1), O; ring).
    split; [apply Rmult_le_compat_r|apply Rmult_lt_compat_r]; lra.
Qed.

Lemma shift_down_le number shift : IZR (shift_down number shift) <= IZR number * pow2 shift.
Proof. apply shift_down_floor. Qed.

Lemma shift_up_ceiling number shift :
  IZR (shift_up number shift) - 1 < IZR number * pow2 shift <= IZR (shift_up number shift).
Proof.
  pose proof (shift_down_floor (- number) shift) as H. unfold shift_up.
  rewrite opp_IZR in *. lra.
Qed.

Lemma shift_up_ge number shift : IZR number * pow2 shift <= IZR (shift_up number shift).
Proof. apply shift_up_ceiling. Qed.

Lemma shift_down_nonneg number shift : (0 <= number)%Z -> (0 <= shift_down number shift)%Z.
Proof. intros H. now apply Z.shiftl_nonneg. Qed.

Lemma shiftr_le number b : IZR (Z.shiftr number b) <= IZR number * pow2 (- b).
Proof. rewrite <- (Z.opp_involutive b) at 1. rewrite Z.shiftr_opp_r. apply shift_down_le. Qed.

Lemma shiftr_up_ge number b : IZR number * pow2 (- b) <= IZR (- Z.shiftr (- number) b).
Proof. pose proof (shiftr_le (- number) b) as H. rewrite opp_IZR in *. lra. Qed.

(** ** Floors and ceilings of square roots *)

Lemma square_le a b : 0 <= b -> a * a <= b * b -> a <= b.
Proof. intros. destruct (Rle_lt_dec a b); [easy|]. exfalso. nra. Qed.

Lemma square_lt a b : 0 <= b -> a * a < b * b -> a < b.
Proof. intros. destruct (Rlt_le_dec a b); [easy|]. exfalso. nra. Qed.

Lemma root_down_floor number shift divisor : (0 < divisor)%Z ->
  IZR (root_down number shift divisor) <= IZR number * pow2 shift / sqrt (IZR divisor)
  < IZR (root_down number shift divisor) + 1.
Proof.
  intros Hd. unfold root_down.
  set (num := Z.shiftl (number * number) (Z.max 0 (2 * shift))).
  set (den := Z.shiftl divisor (Z.max 0 (- 2 * shift))).
  set (y := IZR number * pow2 shift / sqrt (IZR divisor)).
  assert (Hd' : 0 < IZR divisor) by now apply IZR_lt.
  assert (Hs : 0 < sqrt (IZR divisor)) by now apply sqrt_lt_R0.
  pose proof (pow2_pos shift) as Hp.
  assert (Hden : (0 < den)%Z).
  { unfold den. rewrite Z.shiftl_mul_pow2 by lia. apply Z.mul_pos_pos; [easy|].
    apply Z.pow_pos_nonneg; lia. }
  assert (Hy : y * y * IZR den = IZR num).
  { assert (E : y * y * IZR divisor = IZR (number * number) * (pow2 shift * pow2 shift)).
    { rewrite <- (sqrt_sqrt (IZR divisor)) by lra. unfold y. rewrite mult_IZR. field. lra. }
    unfold num, den. rewrite !Z.shiftl_mul_pow2 by lia.
    rewrite (mult_IZR divisor), (mult_IZR (number * number)), !pow2_IZR by lia.
    rewrite <- Rmult_assoc, E. rewrite <- pow2_add.
    replace (shift + shift)%Z with (2 * shift)%Z by lia.
    rewrite Rmult_assoc. f_equal. rewrite <- pow2_add. f_equal. lia. }
  clearbody num den.
  assert (Hroot : forall k, (0 <= k)%Z -> let r := Z.sqrt (k / den) in
            (0 <= r)%Z /\ (r * r * den <= k < (r + 1) * (r + 1) * den)%Z).
  { intros k Hk r. assert (Hq : (0 <= k / den)%Z) by (apply Z.div_pos; lia).
    pose proof (Z.sqrt_spec (k / den) Hq) as S. fold r in S.
    assert (Hr : (0 <= r)%Z) by apply Z.sqrt_nonneg.
    pose proof (Z.div_mod k den ltac:(lia)) as E. pose proof (Z.mod_pos_bound k den Hden) as B.
    split; [easy|]. unfold Z.succ in S. split; nia. }
  assert (Hn0 : 0 <= IZR num).
  { rewrite <- Hy. apply IZR_lt in Hden. apply Rmult_le_pos; [apply Rle_0_sqr|lra]. }
  apply IZR_lt in Hden.
  destruct (0 <=? number)%Z eqn:Hsign.
  - apply Z.leb_le in Hsign.
    assert (Hy0 : 0 <= y).
    { unfold y. apply Rmult_le_pos; [apply Rmult_le_pos; [now apply IZR_le|lra]|].
      apply Rlt_le, Rinv_0_lt_compat; lra. }
    apply le_IZR in Hn0. destruct (Hroot num Hn0) as [Hr [L U]].
    set (r := Z.sqrt (num / den)) in *.
    apply IZR_le in L. apply IZR_lt in U. apply IZR_le in Hr.
    rewrite !mult_IZR, <- Hy in L, U. rewrite !plus_IZR in U.
    split.
    + apply square_le; [easy|]. apply Rmult_le_reg_r with (IZR den); lra.
    + apply square_lt; [lra|]. apply Rmult_lt_reg_r with (IZR den); lra.
  - apply Z.leb_gt in Hsign.
    assert (Hy0 : y < 0).
    { unfold y, Rdiv. assert (0 < / sqrt (IZR divisor)) by now apply Rinv_0_lt_compat.
      apply IZR_lt in Hsign. assert (IZR number * pow2 shift < 0) by nra. nra. }
    assert (Hnum : (1 <= num)%Z).
    { assert (0 < num)%Z; [|lia]. apply lt_IZR. rewrite <- Hy. apply Rmult_lt_0_compat; [nra|easy]. }
    destruct (Hroot (num - 1)%Z ltac:(lia)) as [Hr [L U]].
    set (r := Z.sqrt ((num - 1) / den)) in *.
    assert (U' : (num <= (r + 1) * (r + 1) * den)%Z) by lia.
    assert (L' : (r * r * den < num)%Z) by lia.
    apply IZR_lt in L'. apply IZR_le in U'. apply IZR_le in Hr.
    rewrite !mult_IZR, <- Hy in L', U'. rewrite !plus_IZR in U'.
    rewrite minus_IZR.
    assert (- y <= IZR r + 1).
    { apply square_le; [lra|]. apply Rmult_le_reg_r with (IZR den); lra. }
    assert (IZR r < - y).
    { apply square_lt; [lra|]. apply Rmult_lt_reg_r with (IZR den); lra. }
    simpl. lra.
Qed.

Lemma root_down_le number shift divisor : (0 < divisor)%Z ->
  IZR (root_down number shift divisor) <= IZR number * pow2 shift / sqrt (IZR divisor).
Proof. intros. now apply root_down_floor. Qed.

Lemma root_up_ceiling number shift divisor : (0 < divisor)%Z ->
  IZR (root_up number shift divisor) - 1 < IZR number * pow2 shift / sqrt (IZR divisor)
  <= IZR (root_up number shift divisor).
Proof.
  intros H. pose proof (root_down_floor (- number) shift divisor H) as F. unfold root_up.
  rewrite opp_IZR in *. unfold Rdiv in *. lra.
Qed.

Lemma root_up_ge number shift divisor : (0 < divisor)%Z ->
  IZR number * pow2 shift / sqrt (IZR divisor) <= IZR (root_up number shift divisor).
Proof. intros. now apply root_up_ceiling. Qed.

Lemma norm_up_ge square shift : (0 <= square)%Z ->
  (0 <= norm_up square shift)%Z /\ sqrt (IZR square) * pow2 shift <= IZR (norm_up square shift).
Proof.
  intros H. unfold norm_up. set (scaled := shift_up square (2 * shift)).
  pose proof (shift_up_ge square (2 * shift)) as G. fold scaled in G.
  apply IZR_le in H. pose proof (pow2_pos shift) as P.
  assert (E : IZR square * pow2 (2 * shift) = (sqrt (IZR square) * pow2 shift) * (sqrt (IZR square) * pow2
    shift)).
  { replace (2 * shift)%Z with (shift + shift)%Z by lia. rewrite pow2_add.
    rewrite <- (sqrt_sqrt (IZR square)) at 1 by easy. ring. }
  rewrite E in G. pose proof (sqrt_pos (IZR square)) as S.
  destruct (scaled <=? 0)%Z eqn:Z.
  - apply Z.leb_le, IZR_le in Z. split; [lia|]. apply square_le; [lra|]. lra.
  - apply Z.leb_gt in Z. destruct (Z.sqrt_spec (scaled - 1) ltac:(lia)) as [_ U].
    pose proof (Z.sqrt_nonneg (scaled - 1)) as N. set (r := Z.sqrt (scaled - 1)) in *.
    split; [lia|]. apply IZR_le in N as N'. rewrite plus_IZR. apply square_le; [lra|].
    eapply Rle_trans; [exact G|]. rewrite <- plus_IZR, <- mult_IZR. apply IZR_le. unfold Z.succ in U. lia.
Qed.

(** ** The exponential is enclosed *)

(** An interval of fixed point with [scale] fractional bits that encloses exp (-x). *)
Definition encloses (scale : Z) (interval : Z * Z) (x : R) : Prop :=
  (0 <= fst interval)%Z /\ IZR (fst interval) <= pow2 scale * exp (- x) <= IZR (snd interval).

Lemma exp_near_one x : 0 <= x <= 1 -> 1 - x <= exp (- x) <= 1 - x + x * x.
Proof.
  intros H. split.
  - pose proof (exp_ineq1_le (- x)). lra.
  - pose proof (exp_ineq1_le x) as E.
    assert (P : exp x * exp (- x) = 1) by (rewrite <- exp_plus, Rplus_opp_r; apply exp_0).
    pose proof (exp_pos (- x)).
    apply Rmult_le_reg_l with (1 + x); [lra|].
    assert ((1 + x) * exp (- x) <= 1) by nra.
    assert (0 <= x * x * x) by (apply Rmult_le_pos; nra). nra.
Qed.

Lemma square_encloses scale interval x :
  encloses scale interval x -> encloses scale (square scale interval) (2 * x).
Proof.
  destruct interval as [lo hi]. unfold encloses, square. simpl fst; simpl snd. intros (H0 & HL & HU).
  assert (E : exp (- (2 * x)) = exp (- x) * exp (- x)).
  { rewrite <- exp_plus. f_equal. ring. }
  pose proof (exp_pos (- x)) as Hx. pose proof (pow2_pos scale) as Hs.
  pose proof (pow2_pos (- scale)) as Hs'. pose proof (pow2_opp scale) as O.
  apply IZR_le in H0 as H0'.
  set (y := pow2 scale * exp (- x)) in *.
  assert (Y : pow2 scale * exp (- (2 * x)) = y * y * pow2 (- scale)).
  { rewrite E. unfold y.
    replace (pow2 scale * exp (- x) * (pow2 scale * exp (- x)) * pow2 (- scale))
      with (pow2 scale * exp (- x) * exp (- x) * (pow2 scale * pow2 (- scale))) by ring.
    rewrite O. ring. }
  rewrite Y. split; [apply shift_down_nonneg; nia|]. split.
  - eapply Rle_trans; [apply shift_down_le|]. rewrite mult_IZR.
    apply Rmult_le_compat_r; [lra|]. nra.
  - eapply Rle_trans; [|apply shift_up_ge]. rewrite mult_IZR.
    apply Rmult_le_compat_r; [lra|]. nra.
Qed.

Lemma repeat_square_encloses count : forall scale interval x,
  encloses scale interval x ->
  encloses scale (repeat_square count scale interval) (pow2 (Z.of_nat count) * x).
Proof.
  induction count as [|k IH]; intros scale interval x H; simpl repeat_square.
  - simpl Z.of_nat. rewrite pow2_0, Rmult_1_l. exact H.
  - rewrite Nat2Z.inj_succ. unfold Z.succ. rewrite pow2_add. change (pow2 1) with (2 * 1).
    rewrite Rmult_assoc. replace (2 * 1 * x) with (2 * x) by ring.
    now apply IH, square_encloses.
Qed.

Lemma rescale_encloses b scale interval x :
  encloses scale interval x ->
  encloses b (shift_down (fst interval) (b - scale), shift_up (snd interval) (b - scale)) x.
Proof.
  destruct interval as [lo hi]. unfold encloses. simpl fst; simpl snd. intros (H0 & HL & HU).
  assert (E : pow2 b * exp (- x) = pow2 scale * exp (- x) * pow2 (b - scale)).
  { replace b with (scale + (b - scale))%Z at 1 by lia. rewrite pow2_add. ring. }
  rewrite E. pose proof (pow2_pos (b - scale)).
  split; [now apply shift_down_nonneg|]. split.
  - eapply Rle_trans; [apply shift_down_le|]. apply Rmult_le_compat_r; lra.
  - eapply Rle_trans; [|apply shift_up_ge]. apply Rmult_le_compat_r; lra.
Qed.

(** The head of the list encloses exp (-x), the next factor exp (-2x), and so on. *)
Fixpoint doubling (b : Z) (factors : list (Z * Z)) (x : R) : Prop :=
  match factors with
  | [] => True
  | interval :: rest => encloses b interval x /\ doubling b rest (2 * x)
  end.

Lemma squares_doubling count : forall b scale interval x,
  encloses scale interval x -> doubling b (squares count b scale interval) x.
Proof.
  induction count as [|k IH]; intros b scale interval x H; simpl; [easy|].
  split; [now apply rescale_encloses|]. apply IH. now apply square_encloses.
Qed.

Lemma exponential_factors_doubling argument_bits b max_argument :
  (0 <= b)%Z -> (argument_bits <= b + 16)%Z ->
  doubling b (exponential_factors argument_bits b max_argument) (pow2 (- argument_bits)).
Proof.
  intros Hb Ha. unfold exponential_factors.
  set (start := (b + 16)%Z) in *. apply squares_doubling.
  assert (E : pow2 (- argument_bits)
              = pow2 (Z.of_nat (Z.to_nat (start - argument_bits))) * pow2 (- start)).
  { rewrite <- pow2_add. f_equal. lia. }
  rewrite E. apply repeat_square_encloses. unfold encloses; cbn [fst snd].
  rewrite !Z.shiftl_1_l.
  assert (Hpow : (2 ^ start <= 2 ^ (2 * start))%Z) by (apply Z.pow_le_mono_r; lia).
  split; [now apply Z.le_0_sub|]. rewrite plus_IZR, minus_IZR, !pow2_IZR by lia.
  set (x := pow2 (- start)).
  assert (Hx : 0 <= x <= 1).
  { pose proof (pow2_pos (- start)). split; [unfold x; lra|].
    pose proof (pow2_opp start). pose proof (pow2_ge_1 start ltac:(lia)). unfold x. nra. }
  pose proof (exp_near_one x Hx) as [L U].
  assert (S : pow2 (2 * start) * x = pow2 start).
  { unfold x. rewrite <- pow2_add. f_equal. lia. }
  assert (T : pow2 (2 * start) * (x * x) = 1).
  { rewrite <- Rmult_assoc, S. apply pow2_opp. }
  pose proof (pow2_pos (2 * start)) as P. split; nra.
Qed.

Lemma lower_product_le b factors : forall x argument result,
  0 <= x -> doubling b factors x -> (0 <= argument)%Z -> (0 <= result)%Z ->
  IZR (lower_product b factors argument result) <= IZR result * exp (- (x * IZR argument)).
Proof.
  induction factors as [|[f f'] rest IH]; intros x argument result Hx D Ha Hr; cbn [lower_product].
  - destruct (argument =? 0)%Z eqn:E.
    + apply Z.eqb_eq in E. subst. rewrite Rmult_0_r, Ropp_0, exp_0. lra.
    + apply IZR_le in Hr. pose proof (exp_pos (- (x * IZR argument))).
      apply Rmult_le_pos; lra.
  - destruct D as [(F0 & FL & _) D]. simpl fst in *.
    pose proof (Z.div2_odd argument) as E.
    set (h := Z.div2 argument) in *. set (o := Z.odd argument) in *.
    assert (Hh : (0 <= h)%Z) by now apply Z.div2_nonneg.
    assert (X : exp (- (x * IZR argument)) = exp (- (x * IZR (Z.b2z o))) * exp (- (2 * x * IZR h))).
    { rewrite <- exp_plus. f_equal. rewrite E at 1. rewrite plus_IZR, mult_IZR. ring. }
    rewrite X. pose proof (exp_pos (- (2 * x * IZR h))) as P.
    set (result' := if o then Z.shiftr (result * f) b else result).
    assert (R0 : (0 <= result')%Z).
    { unfold result'. destruct o; [apply Z.shiftr_nonneg; nia|easy]. }
    eapply Rle_trans; [apply (IH (2 * x)); [lra|easy|easy|easy]|].
    rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|].
    unfold result'. destruct o; simpl Z.b2z.
    + rewrite Rmult_1_r. eapply Rle_trans; [apply shiftr_le|]. rewrite mult_IZR.
      apply IZR_le in Hr. pose proof (pow2_pos (- b)) as Pb. pose proof (pow2_opp b) as O.
      replace (IZR result * exp (- x)) with (IZR result * (pow2 b * exp (- x)) * pow2 (- b))
        by (replace (IZR result * (pow2 b * exp (- x)) * pow2 (- b))
            with (IZR result * exp (- x) * (pow2 b * pow2 (- b))) by ring; rewrite O; ring).
      apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_l; lra.
    + rewrite Rmult_0_r, Ropp_0, exp_0. lra.
Qed.

Lemma upper_product_ge b factors : forall x argument result,
  0 <= x -> doubling b factors x -> (0 <= argument)%Z -> (0 <= result)%Z ->
  IZR result * exp (- (x * IZR argument)) <= IZR (upper_product b factors argument result).
Proof.
  induction factors as [|[f' f] rest IH]; intros x argument result Hx D Ha Hr; cbn [upper_product].
  - apply IZR_le in Hr, Ha.
    assert (exp (- (x * IZR argument)) <= 1).
    { rewrite <- exp_0. assert (0 <= x * IZR argument) by now apply Rmult_le_pos.
      destruct (Req_dec (x * IZR argument) 0) as [Z|Z]; [rewrite Z, Ropp_0; lra|].
      left. apply exp_increasing. lra. }
    nra.
  - destruct D as [(F0 & FL & FU) D]. simpl fst in *. simpl snd in *.
    pose proof (Z.div2_odd argument) as E.
    set (h := Z.div2 argument) in *. set (o := Z.odd argument) in *.
    assert (Hh : (0 <= h)%Z) by now apply Z.div2_nonneg.
    assert (X : exp (- (x * IZR argument)) = exp (- (x * IZR (Z.b2z o))) * exp (- (2 * x * IZR h))).
    { rewrite <- exp_plus. f_equal. rewrite E at 1. rewrite plus_IZR, mult_IZR. ring. }
    rewrite X. pose proof (exp_pos (- (2 * x * IZR h))) as P.
    pose proof (exp_pos (- x)) as Px. pose proof (pow2_pos b) as Pb'.
    assert (F0' : (0 <= f)%Z).
    { apply le_IZR. assert (0 < pow2 b * exp (- x)) by now apply Rmult_lt_0_compat. lra. }
    set (result' := if o then (- Z.shiftr (- (result * f)) b)%Z else result).
    assert (R0 : (0 <= result')%Z).
    { unfold result'. destruct o; [|easy]. apply le_IZR.
      eapply Rle_trans; [|apply shiftr_up_ge]. pose proof (pow2_pos (- b)).
      apply Rmult_le_pos; [apply IZR_le; nia|lra]. }
    eapply Rle_trans; [|apply (IH (2 * x)); [lra|easy|easy|easy]].
    rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|].
    unfold result'. destruct o; simpl Z.b2z.
    + rewrite Rmult_1_r. eapply Rle_trans; [|apply shiftr_up_ge]. rewrite mult_IZR.
      apply IZR_le in Hr. pose proof (pow2_pos (- b)) as Pb. pose proof (pow2_opp b) as O.
      replace (IZR result * exp (- x)) with (IZR result * (pow2 b * exp (- x)) * pow2 (- b))
        by (replace (IZR result * (pow2 b * exp (- x)) * pow2 (- b))
            with (IZR result * exp (- x) * (pow2 b * pow2 (- b))) by ring; rewrite O; ring).
      apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat_l; lra.
    + rewrite Rmult_0_r, Ropp_0, exp_0. lra.
Qed.

Lemma exponential_lower_le argument_bits b max_argument argument :
  (0 <= b)%Z -> (argument_bits <= b + 16)%Z -> (0 <= argument)%Z ->
  IZR (exponential_lower b (exponential_factors argument_bits b max_argument) argument)
  <= pow2 b * exp (- (pow2 (- argument_bits) * IZR argument)).
Proof.
  intros Hb Ha Hk. unfold exponential_lower. rewrite Z.shiftl_1_l.
  rewrite <- (pow2_IZR b) by easy. apply lower_product_le.
  - apply Rlt_le, pow2_pos.
  - now apply exponential_factors_doubling.
  - easy.
  - apply Z.lt_le_incl, Z.pow_pos_nonneg; lia.
Qed.

Lemma exponential_upper_ge argument_bits b max_argument argument :
  (0 <= b)%Z -> (argument_bits <= b + 16)%Z -> (0 <= argument)%Z ->
  pow2 b * exp (- (pow2 (- argument_bits) * IZR argument))
  <= IZR (exponential_upper b (exponential_factors argument_bits b max_argument) argument).
Proof.
  intros Hb Ha Hk. unfold exponential_upper. rewrite Z.shiftl_1_l.
  rewrite <- (pow2_IZR b) by easy. apply upper_product_ge.
  - apply Rlt_le, pow2_pos.
  - now apply exponential_factors_doubling.
  - easy.
  - apply Z.lt_le_incl, Z.pow_pos_nonneg; lia.
Qed.

Lemma lower_product_nonneg b factors : forall x argument result,
  doubling b factors x -> (0 <= result)%Z -> (0 <= lower_product b factors argument result)%Z.
Proof.
  induction factors as [|[f f'] rest IH]; intros x argument result D Hr; cbn [lower_product].
  - now destruct (argument =? 0)%Z.
  - destruct D as [(F0 & _) D]. simpl fst in F0. apply (IH (2 * x)); [easy|].
    destruct (Z.odd argument); [apply Z.shiftr_nonneg; nia|easy].
Qed.

Lemma exponential_lower_nonneg argument_bits b max_argument argument :
  (0 <= b)%Z -> (argument_bits <= b + 16)%Z ->
  (0 <= exponential_lower b (exponential_factors argument_bits b max_argument) argument)%Z.
Proof.
  intros Hb Ha. unfold exponential_lower. rewrite Z.shiftl_1_l.
  eapply lower_product_nonneg; [now apply exponential_factors_doubling|].
  apply Z.lt_le_incl, Z.pow_pos_nonneg; lia.
Qed.
