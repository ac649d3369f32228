(** * The group rules, by fast integers

    The functions of [Levels] and [Enumerate], as [BigIntegers] says. *)

From Coq Require Import ZArith List Bool.
From Bignums Require Import BigZ.
From CompactProofs Require Import Syntax Arithmetic Counting Outcome Tables Terms Bands Levels Enumerate
  BigIntegers FastTables FastTerms.
Import ListNotations.
Open Scope bigZ_scope.

(** As [group_rule_function]. *)
Definition fast_rule := fast_weights -> nat -> nat -> nat -> nat -> check -> fast_gaps -> option int.

(** What it is for a rule of fast integers to be right. *)
Definition computes (f : fast_rule) (g : group_rule_function) : Prop :=
  forall W others m q1 q2 k G,
  option_map value (f W others m q1 q2 k G) = accepted (g (weights_of W) others m q1 q2 k (gaps_of G)).

(** ** Rule [levels] *)

Fixpoint fast_power (x : int) (n : nat) : int :=
  match n with
  | O => 1
  | S k => x * fast_power x k
  end.

Definition fast_row_of (table : list (list int)) (n : nat) : list int :=
  match nth_error table n with Some row => row | None => map fast (binomials n) end.

Fixpoint fast_spread (coefficients : list int) (power size : int) (v : fast_vector) (free : nat)
  (base : fast_vector) (f : nat -> fast_vector -> int) : int :=
  match coefficients with
  | [] => 0
  | c :: rest =>
      c * power * f free base
      + fast_spread rest (power * size) size v (Nat.pred free) (fast_vector_add base v) f
  end.

Record fast_summary := FastSummary { fast_least : fast_vector; fast_most : fast_vector; fast_tokens : int }.

Definition summary_value (s : fast_summary) : summary :=
  Summary (values (fast_least s)) (values (fast_most s)) (value (fast_tokens s)).

Definition fast_summary_of (row : list fast_letter) : fast_summary :=
  FastSummary (fast_vector_least (map fst row)) (fast_vector_most (map fst row)) (fast_total snd row).

Definition fast_extreme (base : fast_vector) (free : nat) (v : fast_vector) : fast_vector :=
  let n := fast (Z.of_nat free) in zip_with (fun b x => b + n * x) base v.

Fixpoint fast_worst_class (i : nat) (v : fast_vector) (best : nat * int) : nat :=
  match v with
  | [] => fst best
  | x :: rest => fast_worst_class (S i) rest (if x <? snd best then (i, x) else best)
  end.

Fixpoint fast_pick {A} (key : A -> int) (l : list A) : option (A * list A) :=
  match l with
  | [] => None
  | x :: l' =>
      match fast_pick key l' with
      | None => Some (x, [])
      | Some (y, rest) => if key x <=? key y then Some (x, y :: rest) else Some (y, x :: rest)
      end
  end.

Fixpoint fast_branch (fuel : nat) (table : list (list int)) (margin : int) (row : list fast_letter)
  (facts : fast_summary) (free : nat) (base : fast_vector) : int :=
  match free, row, fuel with
  | O, _, _ => if fast_enough margin base then 1 else 0
  | S _, _ :: _, S fuel' =>
      let low := fast_extreme base free (fast_least facts) in
      if fast_enough margin low then fast_power (fast_tokens facts) free
      else if negb (fast_enough margin (fast_extreme base free (fast_most facts))) then 0
      else
        let c := match low with [] => O | x :: rest => fast_worst_class 1 rest (O, x) end in
        match fast_pick (fun l : fast_letter => nth c (fst l) 0) row with
        | Some ((v, size), rest) =>
            let facts' := fast_summary_of rest in
            fast_spread (fast_row_of table free) 1 size v free base
              (fun n b => fast_branch fuel' table margin rest facts' n b)
        | None => 0
        end
  | S _, _, _ => 0
  end.

Definition fast_count_levels (table : list (list int)) (margin : int) (last label_term : fast_vector)
  (row : list fast_letter) (others : nat) (labelled : bool) : int :=
  let facts := fast_summary_of row in
  let f n b := fast_branch (List.length row) table margin row facts n b in
  let coefficients := fast_row_of table others in
  if labelled then
    fast_spread (tl coefficients) 1 1 label_term (Nat.pred others) (fast_vector_add last label_term) f
  else fast_spread coefficients 1 1 label_term others last f.

Record fast_level_bounds := FastLevelBounds {
  fast_level_last : fast_vector;
  fast_level_label : fast_vector;
  fast_level_letters : list fast_letter
}.

Definition level_bounds_of (B : fast_level_bounds) : level_bounds :=
  LevelBounds (values (fast_level_last B)) (values (fast_level_label B)) (letters_values (fast_level_letters B)).

Definition fast_bound_levels (W : fast_weights) (others m q1 q2 : nat) (k : check) (G : fast_gaps)
  (sizes : list nat) : option fast_level_bounds :=
  let b := fast (bits k) in
  let queries := (S q2 - q1)%nat in
  try known <- map_option (fun q => try w <- fast_query_weights_of W others q m; Some (q, w)) (seq q1 queries);
  let last := fast_vector_least (map (fun p => fast_last_term (snd p) b others (fst p) G) known) in
  let fixed := fast_vector_add (fast_vector_least (firstn queries (skipn q1 (fast_gap_EU G))))
                               (fast_vector_least (firstn others (fast_gap_positions G))) in
  let low := fast_min (map (fun p => fast_label_low (snd p) b others) known) in
  let label_term := fast_interval_product b (low, BigZ.shiftl 1 b)
                      (fast_vector_add fixed (nth m (fast_gap_OV G) [])) in
  let heaviest := fast_vector_most (map (fun p => fast_band_weights (snd p) b sizes) known) in
  let band_terms := zip_with
      (fun w band => fast_product_from_zero b w (fast_vector_add fixed (fast_vector_least band)))
      heaviest (segments sizes (fast_gap_OV G)) in
  let per_level := map Z.to_nat (levels k) in
  Some (FastLevelBounds last label_term
          (fast_letters_of (map fast_vector_least (segments per_level band_terms))
                           (map list_sum (segments per_level sizes)))).

Definition fast_same_lengths (B : fast_level_bounds) : bool :=
  let n := List.length (fast_level_last B) in
  ((List.length (fast_level_label B) =? n)%nat
   && forallb (fun l => (List.length (fst l) =? n)%nat) (fast_level_letters B))%bool.

Definition fast_check_levels (table : list (list int)) : fast_rule := fun W others m q1 q2 k G =>
  let labelled := negb (q1 =? m)%nat in
  try sizes <- accepted (band_sizes (bands k) m);
  try B <- fast_bound_levels W others m q1 q2 k G sizes;
  if negb (fast_same_lengths B) then None
  else if (max_levels <? List.length (fast_level_letters B))%nat then None
  else Some (fast_count_levels table (fast (margin k)) (fast_level_last B) (fast_level_label B)
               (fast_level_letters B) others labelled).

(** *** It computes the same *)

Lemma fast_power_value x n : value (fast_power x n) = (value x ^ Z.of_nat n)%Z.
Proof.
  induction n as [|n IH]; [easy|]. cbn [fast_power].
  rewrite Nat2Z.inj_succ, Z.pow_succ_r by apply Nat2Z.is_nonneg. autorewrite with value. now rewrite IH.
Qed.

Lemma fast_row_of_value table n : values (fast_row_of table n) = row_of (value_rows table) n.
Proof.
  unfold fast_row_of, row_of, value_rows. rewrite nth_error_map.
  destruct (nth_error table n); simpl; [easy|apply values_fast].
Qed.

Lemma fast_spread_value f g v size c : (forall n b, value (f n b) = g n (values b)) ->
  forall power free base,
  value (fast_spread c power size v free base f)
  = spread (values c) (value power) (value size) (values v) free (values base) g.
Proof.
  intros H. induction c as [|x c IH]; intros power free base; simpl; [easy|]. autorewrite with value.
  rewrite IH, H. by_values.
Qed.

Lemma fast_vector_most_value vs : values (fast_vector_most vs) = vector_most (value_rows vs).
Proof. destruct vs as [|v vs]; [easy|]. apply (map_fold values values), fast_vector_max_value. Qed.

Lemma letters_values_fst row : value_rows (map fst row) = map fst (letters_values row).
Proof. now apply map_through. Qed.

Lemma letters_values_total row : value (fast_total snd row) = total snd (letters_values row).
Proof. now apply fast_total_value. Qed.

Lemma fast_summary_of_value row : summary_value (fast_summary_of row) = summary_of (letters_values row).
Proof.
  unfold fast_summary_of, summary_of, summary_value; cbn [fast_least fast_most fast_tokens].
  now rewrite fast_vector_least_value, fast_vector_most_value, letters_values_fst, letters_values_total.
Qed.

Lemma fast_extreme_value base free v :
  values (fast_extreme base free v) = extreme (values base) free (values v).
Proof. apply map_zip. by_values. Qed.

Lemma fast_worst_class_value v : forall i best,
  fast_worst_class i v best = worst_class i (values v) (fst best, value (snd best)).
Proof.
  induction v as [|x v IH]; intros i best; simpl; [easy|]. rewrite IH. autorewrite with value.
  now destruct (value x <? value (snd best))%Z.
Qed.

Lemma fast_pick_value {A B} (to : A -> B) (key : A -> int) key' l : (forall x, value (key x) = key' (to x)) ->
  option_map (fun p => (to (fst p), map to (snd p))) (fast_pick key l) = pick key' (map to l).
Proof.
  intros H. induction l as [|x l IH]; simpl; [easy|]. rewrite <- IH.
  destruct (fast_pick key l) as [[y rest]|]; simpl; [|easy].
  rewrite BigZ.spec_leb, !H. now destruct (key' (to x) <=? key' (to y))%Z.
Qed.

Lemma fast_branch_value table margin fuel : forall row facts free base,
  value (fast_branch fuel table margin row facts free base)
  = branch fuel (value_rows table) (value margin) (letters_values row) (summary_value facts) free (values base).
Proof.
  induction fuel as [|fuel IH]; intros row facts [|free] base.
  - cbn [fast_branch branch]. autorewrite with value. now destruct (enough _ _).
  - now destruct row.
  - cbn [fast_branch branch]. autorewrite with value. now destruct (enough _ _).
  - destruct row as [|l0 row0]; [easy|]. remember (l0 :: row0) as row eqn:E.
    replace (fast_branch _ _ _ _ _ _ _) with
      (let low := fast_extreme base (S free) (fast_least facts) in
       if fast_enough margin low then fast_power (fast_tokens facts) (S free)
       else if negb (fast_enough margin (fast_extreme base (S free) (fast_most facts))) then 0
       else
         let c := match low with [] => O | x :: rest => fast_worst_class 1 rest (O, x) end in
         match fast_pick (fun l : fast_letter => nth c (fst l) 0) row with
         | Some ((v, size), rest) =>
             let facts' := fast_summary_of rest in
             fast_spread (fast_row_of table (S free)) 1 size v (S free) base
               (fun n b => fast_branch fuel table margin rest facts' n b)
         | None => 0
         end) by now rewrite E.
    replace (branch _ _ _ _ _ _ _) with
      (let low := extreme (values base) (S free) (least (summary_value facts)) in
       if enough (value margin) low then (tokens (summary_value facts) ^ Z.of_nat (S free))%Z
       else if negb (enough (value margin) (extreme (values base) (S free) (most (summary_value facts)))) then 0%Z
       else
         let c := match low with [] => O | x :: rest => worst_class 1 rest (O, x) end in
         match pick (fun l => nth c (fst l) 0%Z) (letters_values row) with
         | Some ((v, size), rest) =>
             let facts' := summary_of rest in
             spread (row_of (value_rows table) (S free)) 1 size v (S free) (values base)
               (fun n b => branch fuel (value_rows table) (value margin) rest facts' n b)
         | None => 0%Z
         end) by now rewrite E.
    cbn zeta. clear E l0 row0. cbn [summary_value least most tokens].
    rewrite <- !fast_extreme_value. autorewrite with value.
    destruct (enough (value margin) (values (fast_extreme base (S free) (fast_least facts))));
      [apply fast_power_value|].
    destruct (negb _); [easy|].
    set (low := fast_extreme base (S free) (fast_least facts)).
    replace (match values low with [] => O | x :: rest => worst_class 1 rest (O, x) end)
      with (match low with [] => O | x :: rest => fast_worst_class 1 rest (O, x) end)
      by (destruct low; [easy|apply fast_worst_class_value]).
    set (c := match low with [] => _ | _ => _ end).
    unfold letters_values at 1.
    rewrite <- (fast_pick_value letter_of (fun l : fast_letter => nth c (fst l) 0)) by (intros l; apply values_nth).
    destruct (fast_pick _ row) as [[[v size] rest]|]; simpl option_map; [|easy].
    cbn [letter_of fst snd]. rewrite <- fast_row_of_value, <- fast_summary_of_value.
    apply (fast_spread_value _ _ v size (fast_row_of table (S free))). intros n b. apply IH.
Qed.

Lemma fast_count_levels_value table margin last label_term row others labelled :
  value (fast_count_levels table margin last label_term row others labelled)
  = count_levels (value_rows table) (value margin) (values last) (values label_term) (letters_values row)
      others labelled.
Proof.
  unfold fast_count_levels, count_levels. rewrite <- fast_row_of_value, <- fast_summary_of_value.
  rewrite <- fast_vector_add_value.
  replace (List.length (letters_values row)) with (List.length row) by (symmetry; apply map_length).
  assert (T : forall l, values (tl l) = tl (values l)) by now intros [|x l].
  rewrite <- T. destruct labelled; apply fast_spread_value; intros n b; apply fast_branch_value.
Qed.

Lemma bind_same {A B B'} (g : B -> B') (r : result A) k k' :
  (forall a, option_map g (k a) = accepted (k' a)) ->
  option_map g (bind_option (accepted r) k) = accepted (bind r k').
Proof. intros H. destruct r; simpl; [apply H|easy..]. Qed.

Lemma fast_bound_levels_value W others m q1 q2 k G sizes :
  option_map level_bounds_of (fast_bound_levels W others m q1 q2 k G sizes)
  = accepted (bound_levels (weights_of W) others m q1 q2 k (gaps_of G) sizes).
Proof.
  unfold fast_bound_levels, bound_levels.
  set (to := fun p => (fst p, query_weights_value (snd p)) : nat * query_weights).
  apply bind_through with (f := map to).
  { apply map_option_value. intros q.
    apply bind_through with (f := query_weights_value); [apply fast_query_weights_of_value|easy]. }
  intros known. cbn zeta. cbn [option_map accepted]. f_equal.
  unfold level_bounds_of; cbn [fast_level_last fast_level_label fast_level_letters].
  set (fixed := fast_vector_add (fast_vector_least _) _).
  set (fixed' := vector_add (vector_least (firstn _ _)) _).
  assert (F : values fixed = fixed').
  { unfold fixed, fixed', gaps_of; cbn [gap_EU gap_positions]. autorewrite with value.
    unfold value_rows. now rewrite skipn_map, !firstn_map. }
  f_equal.
  - rewrite fast_vector_least_value. f_equal. apply map_through. intros p.
    rewrite fast_last_term_value. by_values.
  - rewrite fast_interval_product_value. unfold value_pair; cbn [fst snd]. autorewrite with value.
    rewrite F, value_rows_nth. f_equal. f_equal. f_equal. apply map_through. intros p.
    rewrite fast_label_low_value. by_values.
  - rewrite fast_letters_of_value, band_least_value. do 3 f_equal.
    replace (vector_most _) with (values (fast_vector_most (map (fun p => fast_band_weights (snd p)
      (fast (bits k)) sizes) known))).
    2:{ rewrite fast_vector_most_value. f_equal. apply map_through. intros p.
        rewrite fast_band_weights_value. by_values. }
    cbn [gap_OV gaps_of]. unfold value_rows at 2. rewrite <- segments_map.
    apply map_zip. intros w band. rewrite fast_product_from_zero_value. autorewrite with value.
    now rewrite F.
Qed.

Lemma fast_same_lengths_value B : fast_same_lengths B = same_lengths (level_bounds_of B).
Proof.
  unfold fast_same_lengths, same_lengths, level_bounds_of; cbn [level_last level_label level_letters].
  rewrite !values_length. f_equal. apply forallb_through. intros l. unfold letter_of; cbn [fst].
  now rewrite values_length.
Qed.

Lemma fast_check_levels_value table table' : value_rows table = table' ->
  computes (fast_check_levels table) (check_levels table').
Proof.
  intros <- W others m q1 q2 k G. unfold fast_check_levels, check_levels. cbv zeta.
  apply bind_same. intros sizes.
  apply bind_through with (f := level_bounds_of); [apply fast_bound_levels_value|].
  intros B. rewrite <- fast_same_lengths_value. destruct (fast_same_lengths B); [|easy]. cbn [negb].
  unfold too_many_levels. cbn [level_bounds_of level_letters]. unfold letters_values at 1.
  rewrite map_length. destruct (max_levels <? _)%nat; [easy|]. cbn [option_map accepted].
  rewrite fast_count_levels_value. by_values.
Qed.

(** ** Rule [enumerate] *)

Record fast_suffix := FastSuffix {
  fast_suffix_row : list fast_letter;
  fast_suffix_least : fast_vector;
  fast_suffix_most : fast_vector;
  fast_suffix_size : int
}.

Definition suffix_value (s : fast_suffix) : suffix :=
  Suffix (letters_values (fast_suffix_row s)) (values (fast_suffix_least s)) (values (fast_suffix_most s))
    (value (fast_suffix_size s)).

Definition fast_add_label (p : fast_spot) : list fast_letter := (fst p, 1) :: snd p.

Fixpoint fast_suffixes (n : nat) (rows : list (list fast_letter)) : list fast_suffix :=
  match rows with
  | [] => []
  | row :: rest =>
      let tail := fast_suffixes n rest in
      let low := match tail with [] => repeat 0 n | s :: _ => fast_suffix_least s end in
      let high := match tail with [] => repeat 0 n | s :: _ => fast_suffix_most s end in
      let size := match tail with [] => 1 | s :: _ => fast_suffix_size s end in
      FastSuffix row (fast_vector_add (fast_vector_least (map fst row)) low)
        (fast_vector_add (fast_vector_most (map fst row)) high) (fast_total snd row * size) :: tail
  end.

Fixpoint fast_count_pruned (margin : int) (tail : list fast_suffix) (base : fast_vector) : int :=
  match tail with
  | [] => if fast_enough margin base then 1 else 0
  | s :: rest =>
      if fast_enough margin (fast_vector_add base (fast_suffix_least s)) then fast_suffix_size s
      else if negb (fast_enough margin (fast_vector_add base (fast_suffix_most s))) then 0
      else fast_total (fun l => snd l * fast_count_pruned margin rest (fast_vector_add base (fst l)))
             (fast_suffix_row s)
  end.

Fixpoint fast_size_of (rows : list (list fast_letter)) : int :=
  match rows with [] => 1 | row :: rest => fast_total snd row * fast_size_of rest end.

Fixpoint fast_count_labelled (margin : int) (tail : list fast_suffix) (spots : list fast_spot)
  (base : fast_vector) : int :=
  match tail, spots with
  | s :: tail', (v, row) :: rest =>
      if fast_enough margin (fast_vector_add base (fast_suffix_least s))
      then fast_suffix_size s - fast_size_of (map snd spots)
      else if negb (fast_enough margin (fast_vector_add base (fast_suffix_most s))) then 0
      else
        fast_count_pruned margin tail' (fast_vector_add base v)
        + fast_total (fun l => snd l * fast_count_labelled margin tail' rest (fast_vector_add base (fst l))) row
  | _, _ => 0
  end.

Definition fast_count_enumerate (margin : int) (spots : list fast_spot) (base : fast_vector) (labelled : bool)
  : int :=
  let all := fast_suffixes (List.length base) (map fast_add_label spots) in
  if labelled then fast_count_labelled margin all spots base else fast_count_pruned margin all base.

Definition fast_lengths_agree (spots : list fast_spot) (base : fast_vector) : bool :=
  forallb (fun p => forallb (fun l => (List.length (fst l) =? List.length base)%nat) (fast_add_label p)) spots.

Definition fast_check_enumerate : fast_rule := fun W others m q1 q2 k G =>
  if negb (q1 =? q2)%nat then None
  else
    try sizes <- accepted (band_sizes (bands k) m);
    try w <- fast_query_weights_of W others q1 m;
    let '(base, spots) := fast_position_bounds w (fast (bits k)) others m q1 sizes G in
    let sequences := ((Z.of_nat (List.length sizes) + 1) ^ Z.of_nat others
                     - (if (q1 =? m)%nat then 0 else Z.of_nat (List.length sizes) ^ Z.of_nat others))%Z in
    if (max_operations <? Z.of_nat (List.length base) * sequences)%Z then None
    else if negb (fast_lengths_agree spots base) then None
    else Some (fast_count_enumerate (fast (margin k)) spots base (negb (q1 =? m)%nat)).

(** *** It computes the same *)

Lemma fast_add_label_value p : letters_values (fast_add_label p) = add_label (spot_of p).
Proof. reflexivity. Qed.

Lemma fast_suffixes_value n rows :
  map suffix_value (fast_suffixes n rows) = suffixes n (map letters_values rows).
Proof.
  induction rows as [|row rows IH]; [easy|]. cbn [fast_suffixes suffixes map]. rewrite <- IH.
  unfold suffix_value at 1; cbn [fast_suffix_row fast_suffix_least fast_suffix_most fast_suffix_size].
  f_equal. autorewrite with value.
  rewrite fast_vector_most_value, letters_values_fst, letters_values_total.
  destruct (fast_suffixes n rows) as [|s tail]; cbn [map]; [|easy].
  unfold values at 1 2. now rewrite map_repeat_value.
Qed.

Lemma fast_count_pruned_value margin tail : forall base,
  value (fast_count_pruned margin tail base)
  = count_pruned (value margin) (map suffix_value tail) (values base).
Proof.
  induction tail as [|s tail IH]; intros base; cbn [fast_count_pruned count_pruned map].
  - autorewrite with value. now destruct (enough _ _).
  - cbn [suffix_value suffix_row suffix_least suffix_most suffix_size]. autorewrite with value.
    destruct (enough _ _); [easy|]. destruct (negb _); [easy|].
    apply fast_total_value. intros l. autorewrite with value. rewrite IH. by_values.
Qed.

Lemma fast_size_of_value rows : value (fast_size_of rows) = size_of (map letters_values rows).
Proof.
  induction rows as [|row rows IH]; [easy|]. cbn [fast_size_of size_of map]. autorewrite with value.
  now rewrite IH, letters_values_total.
Qed.

Lemma spots_snd spots : map letters_values (map snd spots) = map snd (map spot_of spots).
Proof. now rewrite !map_map. Qed.

Lemma fast_count_labelled_value margin spots : forall tail base,
  value (fast_count_labelled margin tail spots base)
  = count_labelled (value margin) (map suffix_value tail) (map spot_of spots) (values base).
Proof.
  induction spots as [|[v row] spots IH]; intros [|s tail] base; [easy..|].
  cbn [fast_count_labelled count_labelled map spot_of fst snd].
  cbn [suffix_value suffix_row suffix_least suffix_most suffix_size]. autorewrite with value.
  destruct (enough _ _).
  - rewrite BigZ.spec_sub, fast_size_of_value. cbn [map size_of snd]. now rewrite spots_snd.
  - destruct (negb _); [easy|]. rewrite BigZ.spec_add, fast_count_pruned_value. autorewrite with value.
    f_equal. apply fast_total_value. intros l. autorewrite with value. rewrite IH. by_values.
Qed.

Lemma fast_count_enumerate_value margin spots base labelled :
  value (fast_count_enumerate margin spots base labelled)
  = count_enumerate (value margin) (map spot_of spots) (values base) labelled.
Proof.
  unfold fast_count_enumerate, count_enumerate. rewrite values_length.
  replace (map add_label (map spot_of spots)) with (map letters_values (map fast_add_label spots))
    by (rewrite !map_map; apply map_ext, fast_add_label_value).
  rewrite <- fast_suffixes_value.
  destruct labelled; [apply fast_count_labelled_value|apply fast_count_pruned_value].
Qed.

Lemma fast_lengths_agree_value spots base :
  fast_lengths_agree spots base = lengths_agree (map spot_of spots) (values base).
Proof.
  apply forallb_through. intros p. rewrite <- fast_add_label_value. apply forallb_through. intros l.
  now rewrite values_length, <- values_length.
Qed.

Lemma fast_check_enumerate_value : computes fast_check_enumerate check_enumerate.
Proof.
  intros W others m q1 q2 k G. unfold fast_check_enumerate, check_enumerate.
  destruct (q1 =? q2)%nat; [|easy]. cbn [negb].
  apply bind_same. intros sizes.
  apply bind_through with (f := query_weights_value); [apply fast_query_weights_of_value|]. intros w.
  pose proof (fast_position_bounds_value w (fast (bits k)) others m q1 sizes G) as E.
  destruct (fast_position_bounds _ _ _ _ _ _ _) as [base spots]. rewrite BigZ.spec_of_Z in E. rewrite <- E.
  rewrite values_length. destruct (max_operations <? _)%Z; [easy|].
  rewrite <- fast_lengths_agree_value. destruct (fast_lengths_agree spots base); [|easy].
  cbn [negb option_map accepted]. rewrite fast_count_enumerate_value. by_values.
Qed.
