(** * Bounds of terms, by fast integers

    The functions of [Counting], [Terms] and [Bands], as [BigIntegers] says. *)

From Coq Require Import ZArith List Bool.
From Bignums Require Import BigZ.
From CompactProofs Require Import Syntax Arithmetic Counting Outcome Tables Terms Bands BigIntegers FastTables.
Import ListNotations.
Open Scope bigZ_scope.

(** ** Vectors, letters *)

Definition fast_vector := list int.
Definition fast_letter := (fast_vector * int)%type.
Definition fast_spot := (fast_vector * list fast_letter)%type.

Definition letter_of (l : fast_letter) : letter := (values (fst l), value (snd l)).
Definition letters_values : list fast_letter -> list letter := map letter_of.
Definition spot_of (p : fast_spot) : spot := (values (fst p), letters_values (snd p)).

Definition fast_vector_add : fast_vector -> fast_vector -> fast_vector := zip_with BigZ.add.
Definition fast_vector_min : fast_vector -> fast_vector -> fast_vector := zip_with BigZ.min.
Definition fast_vector_max : fast_vector -> fast_vector -> fast_vector := zip_with BigZ.max.

Fixpoint fast_total {A} (f : A -> int) (l : list A) : int :=
  match l with
  | [] => 0
  | a :: rest => f a + fast_total f rest
  end.

Definition fast_enough (margin : int) (v : fast_vector) : bool := forallb (BigZ.leb margin) v.

Definition fast_vector_least (vs : list fast_vector) : fast_vector :=
  match vs with [] => [] | v :: rest => fold_left fast_vector_min rest v end.

Definition fast_vector_most (vs : list fast_vector) : fast_vector :=
  match vs with [] => [] | v :: rest => fold_left fast_vector_max rest v end.

Lemma fast_vector_add_value a b : values (fast_vector_add a b) = vector_add (values a) (values b).
Proof. apply map_zip. by_values. Qed.

Lemma fast_vector_min_value a b : values (fast_vector_min a b) = vector_min (values a) (values b).
Proof. apply map_zip. by_values. Qed.

Lemma fast_vector_max_value a b : values (fast_vector_max a b) = vector_max (values a) (values b).
Proof. apply map_zip. by_values. Qed.

Lemma fast_total_value {A B} (to : A -> B) (f : A -> int) g l : (forall a, value (f a) = g (to a)) ->
  value (fast_total f l) = total g (map to l).
Proof. intros H. induction l as [|a l IH]; simpl; by_values. now rewrite H, IH. Qed.

Lemma fast_enough_value margin v : fast_enough margin v = enough (value margin) (values v).
Proof. apply forallb_through. by_values. Qed.

Lemma fast_vector_least_value vs : values (fast_vector_least vs) = vector_least (value_rows vs).
Proof. destruct vs as [|v vs]; [easy|]. apply (map_fold values values), fast_vector_min_value. Qed.
#[export] Hint Rewrite fast_vector_add_value fast_enough_value fast_vector_least_value : value.

(** ** Lists *)

Lemma segments_map {A B} (f : A -> B) widths : forall l,
  map (map f) (segments widths l) = segments widths (map f l).
Proof. induction widths as [|w rest IH]; intros l; simpl; [easy|]. now rewrite firstn_map, skipn_map, IH. Qed.

Lemma select_map {A B} (f : A -> B) chosen : forall l, map f (select chosen l) = select chosen (map f l).
Proof.
  induction chosen as [|b chosen IH]; intros [|a l]; simpl; [easy..|]. destruct b; simpl; now rewrite IH.
Qed.

Fixpoint fast_hole (m : nat) (row : list int) : list (option int) :=
  match row, m with
  | [], _ => []
  | _ :: rest, O => None :: map Some rest
  | x :: rest, S m' => Some x :: fast_hole m' rest
  end.

Fixpoint fast_greatest_from (best : int) (l : list (option int)) : int :=
  match l with
  | [] => best
  | None :: rest => fast_greatest_from best rest
  | Some x :: rest => fast_greatest_from (BigZ.max best x) rest
  end.

Fixpoint fast_greatest (l : list (option int)) : int :=
  match l with
  | [] => 0
  | None :: rest => fast_greatest rest
  | Some x :: rest => fast_greatest_from x rest
  end.

Lemma fast_hole_value row : forall m, map (option_map value) (fast_hole m row) = hole m (values row).
Proof.
  induction row as [|x row IH]; intros [|m]; simpl; [easy..| |].
  - f_equal. apply map_through. reflexivity.
  - now rewrite IH.
Qed.

Lemma fast_greatest_from_value l : forall best,
  value (fast_greatest_from best l) = greatest_from (value best) (map (option_map value) l).
Proof. induction l as [|[x|] l IH]; intros best; simpl; [easy| |easy]. rewrite IH. by_values. Qed.

Lemma fast_greatest_value l : value (fast_greatest l) = greatest (map (option_map value) l).
Proof. induction l as [|[x|] l IH]; simpl; [easy| |easy]. apply fast_greatest_from_value. Qed.

(** ** Gaps *)

Definition fast_label_gaps (T : fast_fixed_table) (count m : nat) (widths : list nat) : list fast_vector :=
  zip_with (fun low high =>
              let at_label := nth m low 0 in
              map (fun class => at_label - fast_greatest class) (segments widths (fast_hole m high)))
           (firstn count (fst T)) (snd T).

Record fast_gaps := FastGaps {
  fast_gap_EU : list fast_vector;
  fast_gap_OV : list fast_vector;
  fast_gap_positions : list fast_vector
}.

Definition gaps_of (G : fast_gaps) : gaps :=
  Gaps (value_rows (fast_gap_EU G)) (value_rows (fast_gap_OV G)) (value_rows (fast_gap_positions G)).

Definition fast_compute_gaps (F : fast_fixed_tables) (n m : nat) (widths : list nat) : fast_gaps :=
  FastGaps (fast_label_gaps (fast_fixed_EU F) (S m) m widths) (fast_label_gaps (fast_fixed_OV F) (S m) m widths)
    (fast_label_gaps (fast_fixed_positions F) n m widths).

Definition fast_select_gaps (chosen : list bool) (G : fast_gaps) : fast_gaps :=
  FastGaps (map (select chosen) (fast_gap_EU G)) (map (select chosen) (fast_gap_OV G))
    (map (select chosen) (fast_gap_positions G)).

Lemma fast_label_gaps_value T count m widths :
  value_rows (fast_label_gaps T count m widths) = label_gaps (fixed_table_of T) count m widths.
Proof.
  unfold fast_label_gaps, label_gaps, fixed_table_of; cbn [fst snd].
  unfold value_rows at 2. rewrite firstn_map. apply map_zip. intros low high.
  rewrite <- fast_hole_value, <- segments_map. apply map_through. intros class.
  rewrite BigZ.spec_sub, values_nth. now rewrite fast_greatest_value.
Qed.

Lemma fast_compute_gaps_value F n m widths :
  gaps_of (fast_compute_gaps F n m widths) = compute_gaps (fixed_tables_of F) n m widths.
Proof.
  unfold fast_compute_gaps, compute_gaps, gaps_of; simpl. now rewrite !fast_label_gaps_value.
Qed.

Lemma fast_select_gaps_value chosen G :
  gaps_of (fast_select_gaps chosen G) = select_gaps chosen (gaps_of G).
Proof.
  unfold fast_select_gaps, select_gaps, gaps_of; simpl.
  f_equal; apply map_through; intros v; apply select_map.
Qed.

(** ** Weights *)

Record fast_query_weights := FastQueryWeights {
  fast_least_label : int;
  fast_most_label : int;
  fast_label_factor : int;
  fast_tokens_low : list int;
  fast_tokens_high : list int;
  fast_positions_low : list int;
  fast_positions_high : list int
}.

Definition query_weights_value (w : fast_query_weights) : query_weights :=
  QueryWeights (value (fast_least_label w)) (value (fast_most_label w)) (value (fast_label_factor w))
    (values (fast_tokens_low w)) (values (fast_tokens_high w))
    (values (fast_positions_low w)) (values (fast_positions_high w)).

Definition fast_query_weights_of (W : fast_weights) (others q m : nat) : option fast_query_weights :=
  let tl := nth q (fst (fast_token_factors W)) [] in
  let th := nth q (snd (fast_token_factors W)) [] in
  let pl := nth q (fst (fast_position_factors W)) [] in
  let ph := nth q (snd (fast_position_factors W)) [] in
  let low := nth m tl 0 in
  let place := fast_max (firstn others pl) in
  if (low <=? 0) || (place <=? 0) then None
  else Some (FastQueryWeights (low * place) (nth m th 0 * fast_max (firstn others ph)) low tl th pl ph).

Definition fast_weight_interval (w : fast_query_weights) (b tl th pl ph : int) : int * int :=
  (BigZ.shiftl (tl * pl) b / fast_most_label w,
   fast_divide_up (BigZ.shiftl (th * ph) b) (fast_least_label w)).

Definition fast_weights_at (w : fast_query_weights) (b : int) (j count : nat) : list (int * int) :=
  let pl := nth j (fast_positions_low w) 0 in
  let ph := nth j (fast_positions_high w) 0 in
  zip_with (fun tl th => fast_weight_interval w b tl th pl ph)
    (firstn count (fast_tokens_low w)) (fast_tokens_high w).

Definition fast_label_low (w : fast_query_weights) (b : int) (others : nat) : int :=
  BigZ.shiftl (fast_min (firstn others (fast_positions_low w))) b
  / fast_max (firstn others (fast_positions_high w)).

Definition fast_band_weights (w : fast_query_weights) (b : int) (sizes : list nat) : list int :=
  map (fun band => fast_divide_up (BigZ.shiftl (fast_max band) b) (fast_label_factor w))
    (segments sizes (fast_tokens_high w)).

Definition fast_interval_product (b : int) (interval : int * int) (gap : fast_vector) : fast_vector :=
  map (fun g => BigZ.min (BigZ.shiftr (fst interval * g) b) (BigZ.shiftr (snd interval * g) b)) gap.

Definition fast_product_from_zero (b weight : int) (gap : fast_vector) : fast_vector :=
  map (fun g => BigZ.min (BigZ.shiftr (weight * g) b) 0) gap.

Definition fast_last_term (w : fast_query_weights) (b : int) (others q : nat) (G : fast_gaps) : fast_vector :=
  fast_interval_product b
    (fast_weight_interval w b (nth q (fast_tokens_low w) 0) (nth q (fast_tokens_high w) 0)
       (nth others (fast_positions_low w) 0) (nth others (fast_positions_high w) 0))
    (fast_vector_add (fast_vector_add (nth q (fast_gap_EU G) []) (nth q (fast_gap_OV G) []))
       (nth others (fast_gap_positions G) [])).

Lemma values_firstn n l : values (firstn n l) = firstn n (values l).
Proof. symmetry. apply firstn_map. Qed.

Lemma fast_query_weights_of_value W others q m :
  option_map query_weights_value (fast_query_weights_of W others q m)
  = accepted (query_weights_of (weights_of W) others q m).
Proof.
  unfold fast_query_weights_of, query_weights_of, weights_of, fixed_table_of;
    cbn [token_factors position_factors fst snd].
  rewrite <- !value_rows_nth. autorewrite with value. rewrite values_firstn, values_nth.
  destruct (_ || _)%bool; [easy|]. cbn [option_map accepted]. f_equal.
  unfold query_weights_value; cbn. by_values. now rewrite !values_nth, !values_firstn.
Qed.

Lemma fast_weight_interval_value w b tl th pl ph :
  value_pair (fast_weight_interval w b tl th pl ph)
  = weight_interval (query_weights_value w) (value b) (value tl) (value th) (value pl) (value ph).
Proof. unfold fast_weight_interval, weight_interval, value_pair. by_values. Qed.

Lemma fast_weights_at_value w b j count :
  map value_pair (fast_weights_at w b j count) = weights_at (query_weights_value w) (value b) j count.
Proof.
  unfold fast_weights_at, weights_at; cbn [tokens_low tokens_high positions_low positions_high
    query_weights_value].
  rewrite <- values_firstn. apply map_zip. intros tl th. now rewrite fast_weight_interval_value, !values_nth.
Qed.

Lemma fast_label_low_value w b others :
  value (fast_label_low w b others) = label_low (query_weights_value w) (value b) others.
Proof.
  unfold fast_label_low, label_low; cbn [query_weights_value positions_low positions_high].
  autorewrite with value. now rewrite !values_firstn.
Qed.

Lemma fast_band_weights_value w b sizes :
  values (fast_band_weights w b sizes) = band_weights (query_weights_value w) (value b) sizes.
Proof.
  unfold fast_band_weights, band_weights; cbn [query_weights_value tokens_high label_factor].
  unfold values at 2. rewrite <- segments_map. apply map_through. by_values.
Qed.

Lemma fast_interval_product_value b interval gap :
  values (fast_interval_product b interval gap)
  = interval_product (value b) (value_pair interval) (values gap).
Proof. apply map_through. by_values. Qed.

Lemma fast_product_from_zero_value b weight gap :
  values (fast_product_from_zero b weight gap) = product_from_zero (value b) (value weight) (values gap).
Proof. apply map_through. by_values. Qed.

Lemma fast_last_term_value w b others q G :
  values (fast_last_term w b others q G)
  = last_term (query_weights_value w) (value b) others q (gaps_of G).
Proof.
  unfold fast_last_term, last_term. rewrite fast_interval_product_value, fast_weight_interval_value.
  autorewrite with value. now rewrite !values_nth, !value_rows_nth.
Qed.

(** ** Bands *)

Definition fast_letters_of (vs : list fast_vector) (sizes : list nat) : list fast_letter :=
  zip_with (fun v size => (v, fast (Z.of_nat size))) vs sizes.

Fixpoint map_option {A B} (f : A -> option B) (l : list A) : option (list B) :=
  match l with
  | [] => Some []
  | a :: rest => try b <- f a; try bs <- map_option f rest; Some (b :: bs)
  end.

(** The bands of a group's row of terms: the least of each. *)
Definition fast_position_bounds (w : fast_query_weights) (b : int) (others m q : nat) (sizes : list nat)
  (G : fast_gaps) : fast_vector * list fast_spot :=
  let gap := map (fast_vector_add (nth q (fast_gap_EU G) [])) (fast_gap_OV G) in
  let spot_at j :=
    let at_position := nth j (fast_gap_positions G) [] in
    let terms := zip_with
      (fun interval g => fast_interval_product b interval (fast_vector_add g at_position))
      (fast_weights_at w b j (S m)) gap in
    (nth m terms [], fast_letters_of (map fast_vector_least (segments sizes terms)) sizes) in
  (fast_last_term w b others q G, map spot_at (seq 0 others)).

Lemma fast_letters_of_value vs sizes :
  letters_values (fast_letters_of vs sizes) = letters_of (value_rows vs) sizes.
Proof.
  unfold letters_values, fast_letters_of, letters_of. rewrite <- (map_id sizes) at 2.
  apply map_zip. intros v size. unfold letter_of. by_values.
Qed.

Lemma map_option_value {A B B'} (to : B -> B') (f : A -> option B) g l :
  (forall a, option_map to (f a) = accepted (g a)) ->
  option_map (map to) (map_option f l) = accepted (map_result g l).
Proof.
  intros H. induction l as [|a l IH]; simpl; [easy|].
  apply bind_through with (f := to); [apply H|]. intros b.
  now apply bind_through with (f := map to).
Qed.

(** The least of each band. *)
Lemma band_least_value sizes terms :
  value_rows (map fast_vector_least (segments sizes terms))
  = map vector_least (segments sizes (value_rows terms)).
Proof.
  unfold value_rows at 2. rewrite <- segments_map. apply map_through, fast_vector_least_value.
Qed.

Lemma fast_position_bounds_value w b others m q sizes G :
  let (base, spots) := fast_position_bounds w b others m q sizes G in
  (values base, map spot_of spots)
  = position_bounds (query_weights_value w) (value b) others m q sizes (gaps_of G).
Proof.
  unfold fast_position_bounds, position_bounds. rewrite fast_last_term_value. f_equal.
  rewrite map_map. apply map_ext. intros j. unfold spot_of; cbn [fst snd].
  set (terms := zip_with _ (fast_weights_at _ _ _ _) _). set (terms' := zip_with _ (weights_at _ _ _ _) _).
  assert (E : value_rows terms = terms').
  { unfold terms, terms'. rewrite <- fast_weights_at_value.
    replace (map _ (gap_OV (gaps_of G)))
      with (value_rows (map (fast_vector_add (nth q (fast_gap_EU G) [])) (fast_gap_OV G))).
    2:{ apply map_through. intros v. rewrite fast_vector_add_value. now rewrite value_rows_nth. }
    apply map_zip. intros interval g. rewrite fast_interval_product_value. autorewrite with value.
    now rewrite value_rows_nth. }
  rewrite fast_letters_of_value, band_least_value, value_rows_nth. now rewrite E.
Qed.
