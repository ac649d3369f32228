(** * Rule [enumerate]

    Mirrors [checker/rules/enumerate.py] and [count_sums] of [checker/counting.py]: every sequence of bands is tried,
    but for those whose first bands decide. *)

From Coq Require Import Reals ZArith List Lia Lra String.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Tables Terms Bands
  Levels.
Import ListNotations.
Open Scope Z_scope.

(** The rows from some position on, with the least and the greatest sum that their letters can add in each
    class, and the number of their sequences. *)
Record suffix := Suffix {
  suffix_row : list letter;
  suffix_least : vector;
  suffix_most : vector;
  suffix_size : Z
}.

(** [n] is the number of classes. *)
Fixpoint suffixes (n : nat) (rows : list (list letter)) : list suffix :=
  match rows with
  | [] => []
  | row :: rest =>
      let tail := suffixes n rest in
      let low := match tail with [] => repeat 0 n | s :: _ => suffix_least s end in
      let high := match tail with [] => repeat 0 n | s :: _ => suffix_most s end in
      let size := match tail with [] => 1 | s :: _ => suffix_size s end in
      Suffix row (vector_add (vector_least (map fst row)) low)
        (vector_add (vector_most (map fst row)) high) (total snd row * size) :: tail
  end.

(** [count_sums], which stops where all or none of the sequences pass. *)
Fixpoint count_pruned (margin : Z) (tail : list suffix) (base : vector) : Z :=
  match tail with
  | [] => if enough margin base then 1 else 0
  | s :: rest =>
      if enough margin (vector_add base (suffix_least s)) then suffix_size s
      else if negb (enough margin (vector_add base (suffix_most s))) then 0
      else total (fun l => snd l * count_pruned margin rest (vector_add base (fst l))) (suffix_row s)
  end.

Fixpoint size_of (rows : list (list letter)) : Z :=
  match rows with [] => 1 | row :: rest => total snd row * size_of rest end.

(** The number of sequences in which the label occurs, by where it occurs first; [tail] is of all tokens. *)
Fixpoint count_labelled (margin : Z) (tail : list suffix) (spots : list spot) (base : vector) : Z :=
  match tail, spots with
  | s :: tail', (v, row) :: rest =>
      if enough margin (vector_add base (suffix_least s)) then suffix_size s - size_of (map snd spots)
      else if negb (enough margin (vector_add base (suffix_most s))) then 0
      else
        count_pruned margin tail' (vector_add base v)
        + total (fun l => snd l * count_labelled margin tail' rest (vector_add base (fst l))) row
  | _, _ => 0
  end.

Definition count_enumerate (margin : Z) (spots : list spot) (base : vector) (labelled : bool) : Z :=
  let all := suffixes (List.length base) (map add_label spots) in
  if labelled then count_labelled margin all spots base else count_pruned margin all base.

(** Whether all vectors are as long as [base]. *)
Definition lengths_agree (spots : list spot) (base : vector) : bool :=
  forallb (fun p => forallb (fun l => (List.length (fst l) =? List.length base)%nat) (add_label p)) spots.

(** ** The count is right *)

Fixpoint low_of (n : nat) (rows : list (list letter)) : vector :=
  match rows with [] => repeat 0 n | row :: rest => vector_add (vector_least (map fst row)) (low_of n rest) end.

Fixpoint high_of (n : nat) (rows : list (list letter)) : vector :=
  match rows with [] => repeat 0 n | row :: rest => vector_add (vector_most (map fst row)) (high_of n rest) end.

Lemma suffixes_cons n row rest :
  suffixes n (row :: rest)
  = Suffix row (low_of n (row :: rest)) (high_of n (row :: rest)) (size_of (row :: rest)) :: suffixes n rest.
Proof.
  revert row. induction rest as [|row' rest IH]; intros row; [reflexivity|].
  change (suffixes n (row :: row' :: rest)) with
    (let tail := suffixes n (row' :: rest) in
     let low := match tail with [] => repeat 0 n | s :: _ => suffix_least s end in
     let high := match tail with [] => repeat 0 n | s :: _ => suffix_most s end in
     let size := match tail with [] => 1 | s :: _ => suffix_size s end in
     Suffix row (vector_add (vector_least (map fst row)) low)
       (vector_add (vector_most (map fst row)) high) (total snd row * size) :: tail).
  rewrite IH. reflexivity.
Qed.

Lemma vector_add_assoc a : forall b c, vector_add (vector_add a b) c = vector_add a (vector_add b c).
Proof.
  unfold vector_add. induction a as [|x a IH]; intros [|y b] [|z c]; simpl; try easy.
  f_equal; [ring|apply IH].
Qed.

Lemma vector_add_le a b : Forall2 Z.le a b -> forall x, Forall2 Z.le (vector_add x a) (vector_add x b).
Proof.
  unfold vector_add. induction 1 as [|y z a b L _ IH]; intros [|x l]; simpl; constructor; [lia|apply IH].
Qed.

Lemma vector_add_zeros v : vector_add v (repeat 0 (List.length v)) = v.
Proof. unfold vector_add. induction v as [|x v IH]; simpl; [easy|]. f_equal; [ring|apply IH]. Qed.

Lemma vector_max_le n a b : List.length a = n -> List.length b = n ->
  List.length (vector_max a b) = n /\ Forall2 Z.le a (vector_max a b) /\ Forall2 Z.le b (vector_max a b).
Proof.
  unfold vector_max. revert n b.
  induction a as [|x a IH]; intros n [|y b] Ha Hb; simpl in *; subst; try easy.
  destruct (IH _ b eq_refl) as (L & H & H'); [lia|].
  repeat split; [lia|constructor; [lia|easy]..].
Qed.

Lemma vector_most_le n vs : same_length n vs -> forall v, In v vs -> Forall2 Z.le v (vector_most vs).
Proof.
  destruct vs as [|w rest]; [easy|]. unfold vector_most. intros H.
  inversion H as [|x l Hw Hrest]; subst. clear H.
  revert w Hrest. induction rest as [|u rest IH]; intros w Hrest v Hv; simpl.
  - destruct Hv as [->|[]]. apply forall2_refl.
  - inversion Hrest as [|x l Hu Hr]; subst.
    destruct (vector_max_le (List.length w) w u eq_refl Hu) as (L & M & M').
    rewrite <- L in Hr. destruct Hv as [->|[->|Hv]].
    + apply forall2_trans with (vector_max v u); [easy|]. apply IH; [easy|now left].
    + apply forall2_trans with (vector_max w v); [easy|]. apply IH; [easy|now left].
    + apply IH; [easy|now right].
Qed.

Lemma add_length n (a b : vector) : List.length a = n -> List.length b = n -> List.length (vector_add a b) = n.
Proof. intros <- H. unfold vector_add. apply zip_with_length. now symmetry. Qed.

Lemma all_rows_pass margin n rows : Forall (row_ok n) rows -> forall base, List.length base = n ->
  enough margin (vector_add base (low_of n rows)) = true -> size_of rows <= count_sums margin rows base.
Proof.
  induction 1 as [|row rows [Hs Hn] _ IH]; intros base L E; cbn [low_of size_of count_sums] in *.
  - rewrite <- L, vector_add_zeros in E. now rewrite E.
  - rewrite Z.mul_comm, <- total_scale. apply total_le. intros l Hl. rewrite Z.mul_comm.
    unfold sizes_nonneg in Hs. rewrite Forall_forall in Hs.
    apply Z.mul_le_mono_nonneg_l; [now apply Hs|].
    assert (Lv : List.length (fst l) = n).
    { unfold same_length in Hn. rewrite Forall_forall in Hn. now apply Hn, in_map. }
    apply IH; [now apply add_length|].
    rewrite vector_add_assoc. eapply enough_le; [|exact E]. apply vector_add_le.
    rewrite (vector_add_comm _ (low_of n rows)), (vector_add_comm (fst l)). apply vector_add_le.
    apply vector_least_le with n; [easy|now apply in_map].
Qed.

Lemma no_row_passes margin n rows : Forall (row_ok n) rows -> forall base, List.length base = n ->
  enough margin (vector_add base (high_of n rows)) = false -> count_sums margin rows base = 0.
Proof.
  induction 1 as [|row rows [Hs Hn] _ IH]; intros base L E; cbn [high_of count_sums] in *.
  - rewrite <- L, vector_add_zeros in E. now rewrite E.
  - rewrite (total_ext _ (fun _ => 0)); [rewrite total_const; ring|]. intros l Hl.
    assert (Lv : List.length (fst l) = n).
    { unfold same_length in Hn. rewrite Forall_forall in Hn. now apply Hn, in_map. }
    rewrite IH; [ring|now apply add_length|].
    destruct (enough margin (vector_add (vector_add base (fst l)) (high_of n rows))) eqn:F; [|easy].
    rewrite <- E. symmetry. eapply enough_le; [|exact F]. rewrite vector_add_assoc. apply vector_add_le.
    rewrite (vector_add_comm (fst l)), (vector_add_comm _ (high_of n rows)). apply vector_add_le.
    apply vector_most_le with n; [easy|now apply in_map].
Qed.

Lemma count_sums_le_size margin rows : Forall sizes_nonneg rows -> forall base,
  count_sums margin rows base <= size_of rows.
Proof.
  induction 1 as [|row rows Hs _ IH]; intros base; cbn [count_sums size_of].
  - now destruct enough.
  - rewrite Z.mul_comm, <- total_scale. apply total_le. intros l Hl. rewrite Z.mul_comm.
    unfold sizes_nonneg in Hs. rewrite Forall_forall in Hs.
    apply Z.mul_le_mono_nonneg_r; [now apply Hs|apply IH].
Qed.

Lemma count_pruned_exact margin n rows : Forall (row_ok n) rows -> forall base, List.length base = n ->
  count_pruned margin (suffixes n rows) base = count_sums margin rows base.
Proof.
  induction 1 as [|row rows Hrow Hrows IH]; intros base L; [easy|].
  assert (All : Forall (row_ok n) (row :: rows)) by now constructor.
  rewrite suffixes_cons. cbn [count_pruned suffix_least suffix_most suffix_size suffix_row].
  destruct (enough margin (vector_add base (low_of n (row :: rows)))) eqn:E.
  - apply Z.le_antisymm; [now apply all_rows_pass with n|]. apply count_sums_le_size.
    eapply Forall_impl; [|exact All]. now intros r [Hr _].
  - destruct (enough margin (vector_add base (high_of n (row :: rows)))) eqn:F; cbn [negb].
    + cbn [count_sums]. apply total_ext. intros l Hl. rewrite IH; [easy|].
      destruct Hrow as [_ Hn]. unfold same_length in Hn. rewrite Forall_forall in Hn.
      apply add_length; [easy|]. now apply Hn, in_map.
    + symmetry. now apply no_row_passes with n.
Qed.

Lemma bands_le_all margin spots : Forall (fun p => sizes_nonneg (snd p)) spots -> forall base,
  count_sums margin (map snd spots) base <= count_sums margin (map add_label spots) base.
Proof.
  intros H. induction H as [|[v row] spots Hs Hspots IH]; intros base; cbn [map count_sums]; [lia|].
  unfold add_label at 2. cbn [fst snd total].
  assert (0 <= count_sums margin (map add_label spots) (vector_add base v)).
  { apply count_sums_nonneg, Forall_map. eapply Forall_impl; [|exact Hspots]. intros p Hp.
    constructor; [simpl; lia|exact Hp]. }
  assert (total (fun l => snd l * count_sums margin (map snd spots) (vector_add base (fst l))) row
          <= total (fun l => snd l * count_sums margin (map add_label spots) (vector_add base (fst l))) row).
  { apply total_le. intros l Hl. simpl in Hs. unfold sizes_nonneg in Hs. rewrite Forall_forall in Hs.
    apply Z.mul_le_mono_nonneg_l; [now apply Hs|apply IH]. }
  lia.
Qed.

Lemma count_labelled_le margin n spots : Forall (row_ok n) (map add_label spots) ->
  Forall (fun p => sizes_nonneg (snd p)) spots -> forall base, List.length base = n ->
  count_labelled margin (suffixes n (map add_label spots)) spots base
  <= count_sums margin (map add_label spots) base - count_sums margin (map snd spots) base.
Proof.
  induction spots as [|[v row] spots IH]; intros R S base L; [simpl; lia|].
  pose proof (bands_le_all margin _ S base) as B.
  cbn [map] in R |- *. rewrite suffixes_cons. cbn [count_labelled suffix_least suffix_most suffix_size].
  destruct (enough margin (vector_add base (low_of n (add_label (v, row) :: map add_label spots)))) eqn:E.
  - pose proof (all_rows_pass margin n _ R base L E) as A.
    assert (count_sums margin (map snd ((v, row) :: spots)) base <= size_of (map snd ((v, row) :: spots))).
    { apply count_sums_le_size, Forall_map. exact S. }
    cbn [map] in *. lia.
  - destruct (negb _); [cbn [map] in B; lia|].
    inversion R as [|? ? R1 R2]; inversion S as [|? ? S1 S2]; subst. cbn [snd] in S1.
    destruct R1 as [_ Hn]. unfold same_length in Hn. rewrite Forall_forall in Hn.
    assert (Hv : List.length v = List.length base) by (apply Hn; now left).
    rewrite count_pruned_exact by (try easy; now apply add_length).
    cbn [count_sums]. change (add_label (v, row)) with ((v, 1) :: row). cbn [total fst snd].
    rewrite Z.mul_1_l.
    assert (T : total (fun l => snd l * count_labelled margin (suffixes (List.length base) (map add_label spots))
                                          spots (vector_add base (fst l))) row
      <= total (fun l => snd l * count_sums margin (map add_label spots) (vector_add base (fst l))
                         + -1 * (snd l * count_sums margin (map snd spots) (vector_add base (fst l)))) row).
    { apply total_le. intros l Hl. unfold sizes_nonneg in S1. rewrite Forall_forall in S1.
      pose proof (S1 l Hl) as P.
      assert (Hl' : List.length (fst l) = List.length base).
      { apply Hn. right. now apply in_map. }
      pose proof (IH R2 S2 (vector_add base (fst l)) (add_length _ _ _ eq_refl Hl')) as I. nia. }
    rewrite total_add, total_scale in T. lia.
Qed.

Lemma rows_ok m spots base : Forall (spot_ok m) spots -> lengths_agree spots base = true ->
  Forall (row_ok (List.length base)) (map add_label spots) /\
  Forall (row_ok (List.length base)) (map snd spots).
Proof.
  unfold lengths_agree. rewrite forallb_forall. intros S H. rewrite Forall_forall in S.
  assert (G : forall p, In p spots -> row_ok (List.length base) (add_label p)).
  { intros p Hp. destruct (S p Hp) as [Hn _]. specialize (H p Hp). rewrite forallb_forall in H. split.
    - constructor; [simpl; lia|exact Hn].
    - unfold same_length. apply Forall_map, Forall_forall. intros l Hl. now apply Nat.eqb_eq, H. }
  split; apply Forall_map, Forall_forall; intros p Hp; [now apply G|].
  destruct (G p Hp) as [A B]. split; [now inversion A|now inversion B].
Qed.

(** ** The check *)

(** As [MAX_OPERATIONS] of [checker/meter.py], but for each check by itself. *)
Definition max_operations : Z := 2 ^ 32.

Definition check_enumerate : group_rule_function := fun W others m q1 q2 k G =>
  if negb (q1 =? q2)%nat then Reject "enumerate: expected one query"
  else
    do sizes <- band_sizes (bands k) m;
    do w <- query_weights_of W others q1 m;
    let '(base, spots) := position_bounds w (bits k) others m q1 sizes G in
    let sequences := (Z.of_nat (List.length sizes) + 1) ^ Z.of_nat others
                     - (if (q1 =? m)%nat then 0 else Z.of_nat (List.length sizes) ^ Z.of_nat others) in
    if max_operations <? Z.of_nat (List.length base) * sequences then Decline "enumerate: over max_operations"
    else if negb (lengths_agree spots base) then Decline "enumerate: vectors of different lengths"
    else Ok (count_enumerate (margin k) spots base (negb (q1 =? m)%nat)).

Theorem check_enumerate_sound : rule_sound check_enumerate.
Proof.
  intros M eb W m q1 q2 k G covers count Hn HW Hm Hq Hb Hmargin HG H. unfold check_enumerate in H.
  destruct (q1 =? q2)%nat eqn:E; [|discriminate]. apply Nat.eqb_eq in E. subst q2. cbn [negb] in H.
  apply bind_ok in H as (sizes & Hsizes & H). apply bind_ok in H as (w & Hw & H).
  apply band_sizes_sum in Hsizes.
  apply (query_weights_of_ok M eb W (bits k)) in Hw; try easy; [|lia].
  pose proof (position_bounds_spots_ok w (bits k) (positions M - 1) m q1 sizes G Hsizes) as [L S].
  pose proof (fun o c => position_bounds_ok M (bits k) q1 m o c w G sizes Hn Hm ltac:(lia) Hsizes Hw) as B.
  destruct (position_bounds _ _ _ _ _ _ _) as [base spots]. cbn [snd] in *.
  cbv zeta in H. destruct (max_operations <? _)%Z; [discriminate|].
  destruct (lengths_agree spots base) eqn:Hlen; [|discriminate]. injection H as <-.
  destruct (rows_ok m spots base S Hlen) as [R1 R2].
  apply counted_from_spots with (margin := margin k) (spots := spots) (base := base); try easy.
  - unfold count_enumerate. destruct (negb _).
    + apply count_labelled_le; [easy| |easy]. eapply Forall_impl; [|exact S]. now intros p [Hp _].
    + rewrite count_pruned_exact by easy. lia.
  - intros q o Hq' Ho. assert (q = q1) as -> by lia. destruct (HG o Ho) as (c & Hc).
    destruct (B o c Hc) as [B1 B2]. exists c, (pow2 (bits k)). split; [apply pow2_pos|easy].
Qed.
