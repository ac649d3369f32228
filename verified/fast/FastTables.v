(** * Tables, by fast integers

    The functions of [Arithmetic], [Matrices] and [Tables], as [BigIntegers] says. The rule [low_rank] is
    carried out by [LowRank] itself. *)

From Coq Require Import ZArith List Bool Lia.
From Bignums Require Import BigZ.
From CompactProofs Require Import Syntax Arithmetic Counting Outcome Matrices LowRank Tables BigIntegers.
Import ListNotations.
Open Scope bigZ_scope.

Ltac by_values := intros; cbn [fst snd]; autorewrite with value; try reflexivity.

(** ** Roundings *)

(** Shifts are given as fast integers, so that they are converted once. *)
Definition fast_shift_up (number shift : int) : int := - BigZ.shiftl (- number) shift.

Definition fast_divide_up (a b : int) : int := - (- a / b).

(** [up] is [max 0 (2 shift)], and [denominator] is the divisor shifted by [max 0 (- 2 shift)]. *)
Definition fast_root_down (up denominator number : int) : int :=
  let numerator := BigZ.shiftl (number * number) up in
  if 0 <=? number then BigZ.sqrt (numerator / denominator)
  else - (1) - BigZ.sqrt ((numerator - 1) / denominator).

Definition fast_root_up (up denominator number : int) : int := - fast_root_down up denominator (- number).

Lemma fast_shift_up_value number shift :
  value (fast_shift_up number shift) = shift_up (value number) (value shift).
Proof. unfold fast_shift_up. by_values. Qed.

Lemma fast_divide_up_value a b : value (fast_divide_up a b) = divide_up (value a) (value b).
Proof. unfold fast_divide_up. by_values. Qed.
#[export] Hint Rewrite fast_shift_up_value fast_divide_up_value : value.

Lemma fast_root_down_value up denominator number shift divisor :
  value up = Z.max 0 (2 * shift) -> value denominator = Z.shiftl divisor (Z.max 0 (- 2 * shift)) ->
  value (fast_root_down up denominator number) = root_down (value number) shift divisor.
Proof.
  intros U D. unfold fast_root_down, root_down. autorewrite with value.
  destruct (0 <=? value number)%Z; by_values; now rewrite U, D.
Qed.

Lemma fast_root_up_value up denominator number shift divisor :
  value up = Z.max 0 (2 * shift) -> value denominator = Z.shiftl divisor (Z.max 0 (- 2 * shift)) ->
  value (fast_root_up up denominator number) = root_up (value number) shift divisor.
Proof.
  intros U D. unfold fast_root_up, root_up. rewrite BigZ.spec_opp, (fast_root_down_value _ _ _ shift divisor)
    by easy. by_values.
Qed.

(** ** The exponential *)

Definition fast_round_pair (interval : int * int) (shift : int) : int * int :=
  (BigZ.shiftl (fst interval) shift, fast_shift_up (snd interval) shift).

(** [down] is minus the scale. *)
Definition fast_square (down : int) (interval : int * int) : int * int :=
  fast_round_pair (fst interval * fst interval, snd interval * snd interval) down.

Fixpoint fast_repeat_square (count : nat) (down : int) (interval : int * int) : int * int :=
  match count with
  | O => interval
  | S k => fast_repeat_square k down (fast_square down interval)
  end.

(** [round] is the bits of the result less the scale. *)
Fixpoint fast_squares (count : nat) (round down : int) (interval : int * int) : list (int * int) :=
  match count with
  | O => []
  | S k => fast_round_pair interval round :: fast_squares k round down (fast_square down interval)
  end.

Definition fast_exponential_factors (argument_bits b max_argument : Z) : list (int * int) :=
  let start := (b + 16)%Z in
  let scale := (2 * start)%Z in
  let lower := fast (Z.shiftl 1 scale - Z.shiftl 1 start) in
  let down := fast (- scale) in
  fast_squares (bit_length max_argument) (fast (b - scale)) down
    (fast_repeat_square (Z.to_nat (start - argument_bits)) down (lower, lower + 1)).

Fixpoint fast_lower_product (b : int) (factors : list (int * int)) (argument result : int) : int :=
  match factors with
  | [] => if argument =? 0 then result else 0
  | (factor, _) :: rest =>
      fast_lower_product b rest (BigZ.div2 argument)
        (if BigZ.odd argument then BigZ.shiftr (result * factor) b else result)
  end.

Fixpoint fast_upper_product (b : int) (factors : list (int * int)) (argument result : int) : int :=
  match factors with
  | [] => result
  | (_, factor) :: rest =>
      fast_upper_product b rest (BigZ.div2 argument)
        (if BigZ.odd argument then - BigZ.shiftr (- (result * factor)) b else result)
  end.

Lemma fast_square_value down interval :
  value_pair (fast_square down interval) = square (- value down) (value_pair interval).
Proof.
  unfold fast_square, fast_round_pair, value_pair, square, shift_down. by_values.
  now rewrite Z.opp_involutive.
Qed.

Lemma fast_repeat_square_value count down : forall interval,
  value_pair (fast_repeat_square count down interval)
  = repeat_square count (- value down) (value_pair interval).
Proof.
  induction count as [|k IH]; intros interval; simpl; [easy|]. now rewrite IH, fast_square_value.
Qed.

Lemma fast_squares_value count round down b : forall interval, value round = (b + value down)%Z ->
  map value_pair (fast_squares count round down interval)
  = squares count b (- value down) (value_pair interval).
Proof.
  induction count as [|k IH]; intros interval H; simpl; [easy|]. f_equal.
  - unfold fast_round_pair, value_pair, shift_down. by_values. rewrite H.
    now replace (b - - value down)%Z with (b + value down)%Z by lia.
  - rewrite IH by easy. now rewrite fast_square_value.
Qed.

Lemma fast_exponential_factors_value argument_bits b max_argument :
  map value_pair (fast_exponential_factors argument_bits b max_argument)
  = exponential_factors argument_bits b max_argument.
Proof.
  unfold fast_exponential_factors, exponential_factors.
  rewrite fast_squares_value with (b := b) by (by_values; lia).
  rewrite fast_repeat_square_value. unfold value_pair. by_values. now rewrite Z.opp_involutive.
Qed.

Lemma fast_lower_product_value b factors : forall argument result,
  value (fast_lower_product b factors argument result)
  = lower_product (value b) (map value_pair factors) (value argument) (value result).
Proof.
  induction factors as [|[f f'] rest IH]; intros argument result; simpl.
  - autorewrite with value. destruct (value argument =? 0)%Z; by_values.
  - rewrite IH. autorewrite with value. destruct (Z.odd _); by_values.
Qed.

Lemma fast_upper_product_value b factors : forall argument result,
  value (fast_upper_product b factors argument result)
  = upper_product (value b) (map value_pair factors) (value argument) (value result).
Proof.
  induction factors as [|[f f'] rest IH]; intros argument result; simpl; [easy|].
  rewrite IH. autorewrite with value. destruct (Z.odd _); by_values.
Qed.

(** ** Matrices *)

Record matrix := Matrix { entries : list (list int); power : Z }.

Definition dyadic_of (A : matrix) : dyadic := Dyadic (value_rows (entries A)) (power A).
Definition matrix_of (A : dyadic) : matrix := Matrix (map (map fast) (rows A)) (exponent A).

Fixpoint fast_dot (a b : list int) : int :=
  match a, b with
  | x :: a', y :: b' => x * y + fast_dot a' b'
  | _, _ => 0
  end.

Definition fast_multiply_rows (A B : matrix) : matrix :=
  Matrix (map (fun a => map (fast_dot a) (entries B)) (entries A)) (power A + power B).

Definition fast_transpose (columns : nat) (A : matrix) : matrix :=
  Matrix (fold_right (zip_with cons) (repeat [] columns) (entries A)) (power A).

Definition fast_multiply (columns : nat) (A B : matrix) : matrix :=
  fast_multiply_rows A (fast_transpose columns B).

Lemma dyadic_of_matrix_of A : dyadic_of (matrix_of A) = A.
Proof. destruct A. unfold dyadic_of, matrix_of; simpl. now rewrite value_rows_fast. Qed.

Lemma fast_dot_value a : forall b, value (fast_dot a b) = dot (values a) (values b).
Proof. induction a as [|x a IH]; intros [|y b]; simpl; by_values. now rewrite IH. Qed.

Lemma fast_multiply_rows_value A B :
  dyadic_of (fast_multiply_rows A B) = multiply_rows (dyadic_of A) (dyadic_of B).
Proof.
  unfold dyadic_of, fast_multiply_rows, multiply_rows; simpl. f_equal.
  apply map_through. intros a. apply map_through. intros b. apply fast_dot_value.
Qed.

Lemma fast_transpose_value columns A : dyadic_of (fast_transpose columns A) = transpose columns (dyadic_of A).
Proof.
  unfold dyadic_of, fast_transpose, transpose, transpose_rows; simpl. f_equal.
  assert (E : value_rows (repeat [] columns) = repeat [] columns)
    by exact (map_repeat_value values [] columns).
  transitivity (fold_right (zip_with cons) (value_rows (repeat [] columns)) (value_rows (entries A)));
    [|now f_equal].
  apply (map_fold_right values value_rows). intros l row. now apply map_zip.
Qed.

Lemma fast_multiply_value columns A B :
  dyadic_of (fast_multiply columns A B) = multiply columns (dyadic_of A) (dyadic_of B).
Proof. unfold fast_multiply. now rewrite fast_multiply_rows_value, fast_transpose_value. Qed.

(** ** Enclosures of the tables *)

Record fast_enclosure := FastEnclosure { fast_lower : matrix; fast_upper : matrix }.

Definition enclosure_of (E : fast_enclosure) : enclosure :=
  Enclosure (dyadic_of (fast_lower E)) (dyadic_of (fast_upper E)).

Record fast_tables := FastTables {
  fast_QK : fast_enclosure;
  fast_OV : fast_enclosure;
  fast_EU : fast_enclosure;
  fast_QK_positions : fast_enclosure;
  fast_OV_positions : fast_enclosure
}.

Definition tables_of (T : fast_tables) : tables :=
  Tables (enclosure_of (fast_QK T)) (enclosure_of (fast_OV T)) (enclosure_of (fast_EU T))
         (enclosure_of (fast_QK_positions T)) (enclosure_of (fast_OV_positions T)).

Definition fast_enclose (rule : table_rule) (path : path) (product : matrix) : option fast_enclosure :=
  match rule with
  | Exact => Some (FastEnclosure product product)
  | LowRank factors =>
      option_map (fun E => FastEnclosure (matrix_of (lower E)) (matrix_of (upper E)))
        (accepted (check_low_rank factors path (dyadic_of product)))
  end.

Definition fast_enclose_tables (M : model) (C : certificate) : option fast_tables :=
  let d := width M in
  let h := head_width M in
  let queries := add_row (W_E M) (nth (positions M - 1) (rows (W_pos M)) []) (exponent (W_pos M)) in
  let query := fast_multiply h (matrix_of queries) (matrix_of (W_Q M)) in
  let key x := fast_multiply h (matrix_of x) (matrix_of (W_K M)) in
  let value x := fast_multiply d (fast_multiply h (matrix_of x) (matrix_of (W_V M))) (matrix_of (W_O M)) in
  let unembed x := fast_multiply (outputs M) x (matrix_of (W_U M)) in
  try qk <- fast_enclose (table_QK C)
    [(queries, d); (W_Q M, h); (transpose h (W_K M), d); (transpose d (W_E M), vocabulary M)]
    (fast_multiply_rows query (key (W_E M)));
  try ov <- fast_enclose (table_OV C) [(W_E M, d); (W_V M, h); (W_O M, d); (W_U M, outputs M)]
    (unembed (value (W_E M)));
  try eu <- fast_enclose (table_EU C) [(queries, d); (W_U M, outputs M)] (unembed (matrix_of queries));
  let exact A := FastEnclosure A A in
  Some (FastTables qk ov eu (exact (fast_multiply_rows query (key (W_pos M))))
          (exact (unembed (value (W_pos M))))).

Lemma fast_enclose_value rule path product :
  option_map enclosure_of (fast_enclose rule path product) = accepted (enclose rule path (dyadic_of product)).
Proof.
  destruct rule as [|factors]; simpl; [easy|].
  destruct (check_low_rank factors path (dyadic_of product)) as [[l u]| |]; simpl; [|easy..].
  unfold enclosure_of; simpl. now rewrite !dyadic_of_matrix_of.
Qed.

Lemma fast_enclose_tables_value M C :
  option_map tables_of (fast_enclose_tables M C) = accepted (enclose_tables M C).
Proof.
  unfold fast_enclose_tables, enclose_tables.
  apply bind_through with (f := enclosure_of).
  { now rewrite fast_enclose_value, fast_multiply_rows_value, !fast_multiply_value, !dyadic_of_matrix_of. }
  intros qk. apply bind_through with (f := enclosure_of).
  { now rewrite fast_enclose_value, !fast_multiply_value, !dyadic_of_matrix_of. }
  intros ov. apply bind_through with (f := enclosure_of).
  { now rewrite fast_enclose_value, !fast_multiply_value, !dyadic_of_matrix_of. }
  intros eu. simpl. unfold tables_of, enclosure_of, check_exact; cbn [fast_QK fast_OV fast_EU
    fast_QK_positions fast_OV_positions fast_lower fast_upper].
  now rewrite !fast_multiply_rows_value, !fast_multiply_value, !dyadic_of_matrix_of.
Qed.

(** ** Fixed point *)

Definition fast_fixed_table := (list (list int) * list (list int))%type.

Definition fixed_table_of (T : fast_fixed_table) : fixed_table := (value_rows (fst T), value_rows (snd T)).

Definition fast_round_table (E : fast_enclosure) (b : Z) : fast_fixed_table :=
  let down := fast (power (fast_lower E) + b) in
  let up := fast (power (fast_upper E) + b) in
  (map (map (fun k => BigZ.shiftl k down)) (entries (fast_lower E)),
   map (map (fun k => fast_shift_up k up)) (entries (fast_upper E))).

Record fast_fixed_tables := FastFixedTables {
  fast_fixed_OV : fast_fixed_table;
  fast_fixed_EU : fast_fixed_table;
  fast_fixed_positions : fast_fixed_table
}.

Definition fixed_tables_of (F : fast_fixed_tables) : fixed_tables :=
  FixedTables (fixed_table_of (fast_fixed_OV F)) (fixed_table_of (fast_fixed_EU F))
    (fixed_table_of (fast_fixed_positions F)).

Definition fast_fix_tables (T : fast_tables) (b : Z) : fast_fixed_tables :=
  FastFixedTables (fast_round_table (fast_OV T) b) (fast_round_table (fast_EU T) b)
    (fast_round_table (fast_OV_positions T) b).

(** Two maps, one inside the other. *)
Lemma rows_through (f : int -> int) g l : (forall x, value (f x) = g (value x)) ->
  value_rows (map (map f) l) = map (map g) (value_rows l).
Proof. intros H. apply map_through. intros row. now apply map_through. Qed.

Lemma fast_round_table_value E b :
  fixed_table_of (fast_round_table E b) = round_table (enclosure_of E) b.
Proof.
  unfold fast_round_table, round_table, fixed_table_of, shift_down; cbn [fst snd].
  f_equal; apply rows_through; by_values.
Qed.

Lemma fast_fix_tables_value T b : fixed_tables_of (fast_fix_tables T b) = fix_tables (tables_of T) b.
Proof.
  unfold fast_fix_tables, fix_tables, fixed_tables_of; simpl. now rewrite !fast_round_table_value.
Qed.

(** ** Attention weights *)

Definition fast_max (l : list int) : int :=
  match l with [] => 0 | a :: rest => fold_left BigZ.max rest a end.

Definition fast_min (l : list int) : int :=
  match l with [] => 0 | a :: rest => fold_left BigZ.min rest a end.

Lemma fast_max_value l : value (fast_max l) = list_max (values l).
Proof. destruct l as [|a l]; [easy|]. apply map_fold. by_values. Qed.

Lemma fast_min_value l : value (fast_min l) = list_min (values l).
Proof. destruct l as [|a l]; [easy|]. apply map_fold. by_values. Qed.
#[export] Hint Rewrite fast_max_value fast_min_value : value.

(** Roots of the entries of a matrix, by [root], which is one of the two above. *)
Definition fast_roots (root : int -> int -> int -> int) (A : matrix) (head : nat) (sb : Z)
  : list (list int) :=
  let shift := (power A + sb)%Z in
  let up := fast (Z.max 0 (2 * shift)) in
  let denominator := fast (Z.shiftl (Z.of_nat head) (Z.max 0 (- 2 * shift))) in
  map (map (root up denominator)) (entries A).

Definition fast_exponentials (E : fast_enclosure) (head : nat) (sb eb : Z) : fast_fixed_table :=
  let down := fast_roots fast_root_down (fast_lower E) head sb in
  let up := fast_roots fast_root_up (fast_upper E) head sb in
  let tops := map fast_max up in
  let below := zip_with (fun top row => map (BigZ.sub top) row) tops in
  let below_down := below down in
  let below_up := below up in
  let factors := fast_exponential_factors sb eb (value (fast_max (map fast_max below_down))) in
  let b := fast eb in
  let one := fast (Z.shiftl 1 eb) in
  (map (map (fun k => fast_lower_product b factors k one)) below_down,
   map (map (fun k => fast_upper_product b factors k one)) below_up).

Lemma fast_exponentials_value E head sb eb :
  fixed_table_of (fast_exponentials E head sb eb) = exponentials (enclosure_of E) head sb eb.
Proof.
  unfold fast_exponentials, exponentials.
  set (down := fast_roots fast_root_down _ _ _). set (up := fast_roots fast_root_up _ _ _).
  set (down' := map (map _) (rows (lower _))). set (up' := map (map _) (rows (upper _))).
  assert (Hdown : value_rows down = down').
  { apply rows_through. intros k. apply fast_root_down_value; by_values. }
  assert (Hup : value_rows up = up').
  { apply rows_through. intros k. apply fast_root_up_value; by_values. }
  assert (Htops : values (map fast_max up) = map list_max up').
  { rewrite <- Hup. apply map_through, fast_max_value. }
  assert (Below : forall t t', value_rows t = t' ->
    value_rows (zip_with (fun top row => map (BigZ.sub top) row) (map fast_max up) t)
    = zip_with (fun top row => map (Z.sub top) row) (map list_max up') t').
  { intros t t' <-. rewrite <- Htops. apply map_zip. intros top row. apply map_through. by_values. }
  pose proof (Below _ _ Hdown) as B1. pose proof (Below _ _ Hup) as B2.
  set (below_down := zip_with _ _ down) in *. set (below_up := zip_with _ _ up) in *.
  rewrite <- B1, <- B2.
  replace (list_max (map list_max (value_rows below_down))) with (value (fast_max (map fast_max below_down))).
  2:{ rewrite fast_max_value. f_equal. apply map_through, fast_max_value. }
  rewrite <- fast_exponential_factors_value.
  unfold fixed_table_of; cbn [fst snd]. f_equal; apply rows_through; intros k.
  - rewrite fast_lower_product_value. by_values.
  - rewrite fast_upper_product_value. by_values.
Qed.

Record fast_weights := FastWeights {
  fast_token_factors : fast_fixed_table;
  fast_position_factors : fast_fixed_table
}.

Definition weights_of (W : fast_weights) : weights :=
  Weights (fixed_table_of (fast_token_factors W)) (fixed_table_of (fast_position_factors W)).

Definition fast_enclose_weights (M : model) (C : certificate) (T : fast_tables) : fast_weights :=
  FastWeights (fast_exponentials (fast_QK T) (head_width M) (score_bits C) (exponential_bits C))
    (fast_exponentials (fast_QK_positions T) (head_width M) (score_bits C) (exponential_bits C)).

Lemma fast_enclose_weights_value M C T :
  weights_of (fast_enclose_weights M C T) = enclose_weights M C (tables_of T).
Proof.
  unfold fast_enclose_weights, enclose_weights, weights_of; simpl. now rewrite !fast_exponentials_value.
Qed.
