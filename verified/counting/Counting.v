(** * Counting sequences by the sums of their bounds

    What [checker/counting.py] counts, and why a count is a list of inputs.

    A *vector* has one entry per class of outputs. A *letter* stands for several tokens with one vector of
    bounds: it is that vector and the number of its tokens. A row of letters describes one position. *)

From Coq Require Import Reals ZArith List Lia Lra Permutation.
From CompactProofs Require Import Syntax Arithmetic.
Import ListNotations.
Open Scope Z_scope.

Definition vector := list Z.
Definition letter := (vector * Z)%type.

(** Entry by entry; the shorter vector decides the length. *)
Fixpoint zip_with {A B C} (f : A -> B -> C) (a : list A) (b : list B) : list C :=
  match a, b with
  | x :: a', y :: b' => f x y :: zip_with f a' b'
  | _, _ => []
  end.

Definition vector_add : vector -> vector -> vector := zip_with Z.add.
Definition vector_min : vector -> vector -> vector := zip_with Z.min.
Definition vector_max : vector -> vector -> vector := zip_with Z.max.

(** The sum of [f] over a list. *)
Fixpoint total {A} (f : A -> Z) (l : list A) : Z :=
  match l with
  | [] => 0
  | a :: rest => f a + total f rest
  end.

(** Whether every class reaches the margin. *)
Definition enough (margin : Z) (v : vector) : bool := forallb (Z.leb margin) v.

(** The number of sequences of tokens, one token of a letter of each row, for which [base] plus the vectors
    of their letters is [margin] or more in every class. *)
Fixpoint count_sums (margin : Z) (letters : list (list letter)) (base : vector) : Z :=
  match letters with
  | [] => if enough margin base then 1 else 0
  | row :: rest => total (fun l => snd l * count_sums margin rest (vector_add base (fst l))) row
  end.

(** ** Sums *)

Lemma total_ext {A} (f g : A -> Z) l : (forall a, In a l -> f a = g a) -> total f l = total g l.
Proof. induction l; simpl; intros H; [easy|]. rewrite H, IHl; auto. Qed.

Lemma total_add {A} (f g : A -> Z) l : total (fun a => f a + g a) l = total f l + total g l.
Proof. induction l; simpl; lia. Qed.

Lemma total_scale {A} c (f : A -> Z) l : total (fun a => c * f a) l = c * total f l.
Proof. induction l; simpl; lia. Qed.

Lemma total_le {A} (f g : A -> Z) l : (forall a, In a l -> f a <= g a) -> total f l <= total g l.
Proof.
  induction l; simpl; intros H; [lia|]. pose proof (H a (or_introl eq_refl)).
  assert (total f l <= total g l) by auto. lia.
Qed.

Lemma total_app {A} (f : A -> Z) a b : total f (a ++ b) = total f a + total f b.
Proof. induction a; simpl; lia. Qed.

Lemma total_map {A B} (f : B -> Z) (g : A -> B) l : total f (map g l) = total (fun a => f (g a)) l.
Proof. induction l; simpl; lia. Qed.

Lemma total_const {A} c (l : list A) : total (fun _ => c) l = Z.of_nat (length l) * c.
Proof. induction l; cbn [total length]; [lia|]. rewrite IHl, Nat2Z.inj_succ. ring. Qed.

Lemma total_swap {A B} (f : A -> B -> Z) a b :
  total (fun x => total (fun y => f x y) b) a = total (fun y => total (fun x => f x y) a) b.
Proof.
  induction a; simpl.
  - induction b; simpl; lia.
  - now rewrite IHa, <- total_add.
Qed.

Lemma total_permutation {A} (f : A -> Z) a b : Permutation a b -> total f a = total f b.
Proof. induction 1; simpl; lia. Qed.

(** ** The order of rows and of letters does not matter *)

Lemma vector_add_comm a : forall b, vector_add a b = vector_add b a.
Proof.
  unfold vector_add. induction a as [|x a IH]; intros [|y b]; simpl; [easy..|].
  f_equal; [apply Z.add_comm|apply IH].
Qed.

Lemma vector_add_swap base : forall a b,
  vector_add (vector_add base a) b = vector_add (vector_add base b) a.
Proof.
  unfold vector_add.
  induction base as [|x base IH]; intros [|y a] [|z b]; simpl; try easy. f_equal; [ring|apply IH].
Qed.

Lemma count_sums_rows margin r r' : Permutation r r' ->
  forall base, count_sums margin r base = count_sums margin r' base.
Proof.
  induction 1 as [|row r r' _ IH|row row' r|r r' r'' _ IH _ IH']; intros base; simpl.
  - easy.
  - apply total_ext; intros l _. now rewrite IH.
  - rewrite (total_ext _ (fun l => total (fun l' => snd l * (snd l' *
        count_sums margin r (vector_add (vector_add base (fst l)) (fst l')))) row));
      [|intros; apply eq_sym, total_scale].
    rewrite total_swap. apply total_ext; intros l _.
    rewrite <- total_scale. apply total_ext; intros l' _. rewrite vector_add_swap. ring.
  - now rewrite IH.
Qed.

Lemma count_sums_letters margin r r' : Forall2 (@Permutation letter) r r' ->
  forall base, count_sums margin r base = count_sums margin r' base.
Proof.
  induction 1 as [|row row' r r' P _ IH]; intros base; simpl; [easy|].
  rewrite (total_permutation _ _ _ P). apply total_ext; intros; now rewrite IH.
Qed.

Definition sizes_nonneg (row : list letter) : Prop := Forall (fun l => 0 <= snd l) row.

Lemma count_sums_nonneg margin r : Forall sizes_nonneg r -> forall base, 0 <= count_sums margin r base.
Proof.
  induction 1 as [|row r Hrow _ IH]; intros base; simpl.
  - now destruct enough.
  - induction Hrow as [|l row Hl _ IH']; simpl; [lia|]. specialize (IH (vector_add base (fst l))). nia.
Qed.

(** ** Real numbers bounded by a vector *)

(** Entry [c] of [v] is there, and at most [r]. *)
Definition bounds (v : vector) (c : nat) (r : R) : Prop :=
  exists b, nth_error v c = Some b /\ (IZR b <= r)%R.

Lemma nth_error_zip {A B C} (f : A -> B -> C) : forall a b c x y,
  nth_error a c = Some x -> nth_error b c = Some y -> nth_error (zip_with f a b) c = Some (f x y).
Proof.
  induction a as [|x a IH]; intros [|y b] [|c] x' y' Ha Hb; simpl in *; try easy.
  - now injection Ha as ->; injection Hb as ->.
  - now apply IH.
Qed.

Lemma bounds_weaken v c r r' : bounds v c r -> (r <= r')%R -> bounds v c r'.
Proof. intros (b & H & L) L'. exists b. split; [easy|]. lra. Qed.

Lemma bounds_add a b c r r' : bounds a c r -> bounds b c r' -> bounds (vector_add a b) c (r + r').
Proof.
  intros (x & H & L) (y & H' & L'). exists (x + y). split; [now apply nth_error_zip|].
  rewrite plus_IZR. lra.
Qed.

Lemma bounds_min_left a b c r r' : bounds a c r -> bounds b c r' -> bounds (vector_min a b) c r.
Proof.
  intros (x & H & L) (y & H' & L'). exists (Z.min x y). split; [now apply nth_error_zip|].
  pose proof (IZR_le _ _ (Z.le_min_l x y)). lra.
Qed.

Lemma bounds_min_right a b c r r' : bounds a c r -> bounds b c r' -> bounds (vector_min a b) c r'.
Proof.
  intros (x & H & L) (y & H' & L'). exists (Z.min x y). split; [now apply nth_error_zip|].
  pose proof (IZR_le _ _ (Z.le_min_r x y)). lra.
Qed.

(** The entry-wise least of a list of vectors; the empty vector of none. *)
Definition vector_least (vs : list vector) : vector :=
  match vs with
  | [] => []
  | v :: rest => fold_left vector_min rest v
  end.

Lemma vector_least_bounds vs c r :
  (forall v, In v vs -> exists r', bounds v c r') ->
  (exists v, In v vs /\ bounds v c r) -> bounds (vector_least vs) c r.
Proof.
  destruct vs as [|v rest]; [now intros _ (v & [] & _)|]. simpl. revert v.
  induction rest as [|w rest IH]; intros v H (u & Hu & B); simpl.
  - destruct Hu as [->|[]]. easy.
  - destruct (H v) as (rv & Bv); [now left|].
    destruct (H w) as (rw & Bw); [right; now left|].
    apply IH.
    + intros x [<-|Hx]; [exists rv; now apply bounds_min_left with rw|].
      apply H. right. now right.
    + destruct Hu as [->|[->|Hu]].
      * exists (vector_min u w). split; [now left|]. now apply bounds_min_left with rw.
      * exists (vector_min v u). split; [now left|]. now apply bounds_min_right with rv.
      * exists u. split; [now right|easy].
Qed.

Lemma enough_bounds margin v c r : enough margin v = true -> bounds v c r -> (IZR margin <= r)%R.
Proof.
  intros E (b & H & L). apply nth_error_In in H.
  unfold enough in E. rewrite forallb_forall in E. apply E, Z.leb_le, IZR_le in H. lra.
Qed.

(** ** Tokens *)

(** A token with its vector of bounds. *)
Definition bounded_token := (nat * vector)%type.

(** The sequences of tokens, one of each row, whose sums are [margin] or more in every class. *)
Fixpoint choices (margin : Z) (rows : list (list bounded_token)) (base : vector) : list (list nat) :=
  match rows with
  | [] => if enough margin base then [[]] else []
  | row :: rest =>
      flat_map (fun t => map (cons (fst t)) (choices margin rest (vector_add base (snd t)))) row
  end.

(** The tokens that a row of letters stands for, numbered from [start]. *)
Fixpoint expand (start : nat) (row : list letter) : list bounded_token :=
  match row with
  | [] => []
  | (v, size) :: rest =>
      map (fun t => (t, v)) (seq start (Z.to_nat size)) ++ expand (start + Z.to_nat size) rest
  end.

(** A row of letters stands for a row of tokens. *)
Definition stands_for (row : list letter) (tokens : list bounded_token) : Prop :=
  forall g : vector -> Z, total (fun l => snd l * g (fst l)) row = total (fun t => g (snd t)) tokens.

Lemma expand_stands_for row : sizes_nonneg row -> forall start, stands_for row (expand start row).
Proof.
  intros H start g. revert start. induction H as [|[v size] row Hs _ IH]; intros start; simpl; [easy|].
  rewrite total_app, total_map, <- IH. simpl. rewrite total_const, seq_length. simpl in Hs.
  now rewrite Z2Nat.id by easy.
Qed.

Lemma stands_for_cons v t row tokens :
  stands_for row tokens -> stands_for ((v, 1) :: row) ((t, v) :: tokens).
Proof. intros H g. simpl. rewrite H. destruct (g v); reflexivity. Qed.

Lemma length_flat_map {A B} (f : A -> list B) l :
  Z.of_nat (length (flat_map f l)) = total (fun a => Z.of_nat (length (f a))) l.
Proof. induction l; simpl; [easy|]. rewrite app_length, Nat2Z.inj_add. lia. Qed.

Lemma count_sums_choices margin rows tokens : Forall2 stands_for rows tokens ->
  forall base, count_sums margin rows base = Z.of_nat (length (choices margin tokens base)).
Proof.
  induction 1 as [|row ts rows tokens S _ IH]; intros base; simpl.
  - now destruct enough.
  - rewrite length_flat_map.
    rewrite (S (fun v => count_sums margin rows (vector_add base v))).
    apply total_ext; intros t _. now rewrite map_length, IH.
Qed.

Lemma nodup_app {A} (a b : list A) :
  NoDup a -> NoDup b -> (forall x, In x a -> ~ In x b) -> NoDup (a ++ b).
Proof.
  induction 1 as [|x a Hx Ha IH]; simpl; intros Hb D; [easy|]. constructor.
  - rewrite in_app_iff. intros [H|H]; [easy|]. now apply (D x); [left|].
  - apply IH; [easy|]. intros y Hy. apply D. now right.
Qed.

Lemma nodup_map_cons (t : nat) l : NoDup l -> NoDup (map (cons t) l).
Proof.
  induction 1 as [|x l Hx _ IH]; simpl; constructor; [|easy].
  rewrite in_map_iff. intros (y & E & Hy). now injection E as ->.
Qed.

Lemma choices_nodup margin rows : Forall (fun row => NoDup (map fst row)) rows ->
  forall base, NoDup (choices margin rows base).
Proof.
  induction 1 as [|row rows Hrow _ IH]; intros base; simpl.
  - destruct enough; repeat constructor; easy.
  - induction row as [|t row IHrow]; simpl; [constructor|].
    inversion Hrow as [|x l Hx Hl E]; subst. apply nodup_app; [now apply nodup_map_cons|auto|].
    intros s Hs Hs'. apply in_map_iff in Hs as (s' & <- & _).
    apply in_flat_map in Hs' as (t' & Ht' & Hs'). apply in_map_iff in Hs' as (s'' & E & _).
    injection E as E _. apply Hx. rewrite <- E. now apply in_map.
Qed.

Lemma choices_tokens margin rows : forall base s, In s (choices margin rows base) ->
  Forall2 (fun t row => In t (map fst row)) s rows.
Proof.
  induction rows as [|row rows IH]; intros base s Hs; simpl in Hs.
  - destruct enough; [destruct Hs as [<-|[]]; constructor|easy].
  - apply in_flat_map in Hs as (t & Ht & Hs). apply in_map_iff in Hs as (s' & <- & Hs').
    constructor; [now apply in_map|eauto].
Qed.

(** The sum of [r j t] over the positions [j], counted from [first], and the tokens [t] of [s]. *)
Fixpoint sum_tokens (r : nat -> nat -> R) (first : nat) (s : list nat) : R :=
  match s with
  | [] => 0%R
  | t :: rest => (r first t + sum_tokens r (S first) rest)%R
  end.

(** The bounds of the tokens of row [first], [first + 1], ... are bounds of [r]. *)
Fixpoint rows_bound (c : nat) (r : nat -> nat -> R) (first : nat) (rows : list (list bounded_token)) : Prop :=
  match rows with
  | [] => True
  | row :: rest =>
      (forall t v, In (t, v) row -> bounds v c (r first t)) /\ rows_bound c r (S first) rest
  end.

Lemma choices_bounds margin c r rows : forall first base s r0,
  rows_bound c r first rows -> bounds base c r0 -> In s (choices margin rows base) ->
  (IZR margin <= r0 + sum_tokens r first s)%R.
Proof.
  induction rows as [|row rows IH]; intros first base s r0 H B Hs; simpl in Hs.
  - destruct (enough margin base) eqn:E; [|easy]. destruct Hs as [<-|[]]. simpl.
    pose proof (enough_bounds _ _ _ _ E B). lra.
  - apply in_flat_map in Hs as ([t v] & Ht & Hs). apply in_map_iff in Hs as (s' & <- & Hs').
    destruct H as [Hrow Hrows]. simpl in *.
    rewrite <- Rplus_assoc. apply IH with (vector_add base v); [easy| |easy].
    apply bounds_add; auto.
Qed.

(** ** Sequences with the label and sequences without it

    The rules count the sequences over tokens with and without the label, and subtract where the label has
    to occur. *)

Definition occurs (m : nat) (s : list nat) : bool := existsb (Nat.eqb m) s.

Lemma occurs_In m s : occurs m s = true <-> In m s.
Proof.
  unfold occurs. rewrite existsb_exists. split.
  - intros (t & Ht & E). now apply Nat.eqb_eq in E as ->.
  - intros H. exists m. split; [easy|]. apply Nat.eqb_refl.
Qed.

Definition with_label (m : nat) (labels : list vector) (rows : list (list bounded_token)) :=
  zip_with (fun v row => (m, v) :: row) labels rows.

Lemma choices_without_label margin m labels rows : forall base s,
  length labels = length rows ->
  In s (choices margin (with_label m labels rows) base) -> ~ In m s -> In s (choices margin rows base).
Proof.
  revert labels. induction rows as [|row rows IH]; intros [|v labels] base s L Hs N; try easy.
  simpl in *. apply in_app_or in Hs as [Hs|Hs].
  - apply in_map_iff in Hs as (s' & <- & _). exfalso. apply N. now left.
  - apply in_flat_map in Hs as (t & Ht & Hs). apply in_flat_map. exists t. split; [easy|].
    apply in_map_iff in Hs as (s' & <- & Hs'). apply in_map.
    apply IH with labels; [now injection L|easy|]. intros H. apply N. now right.
Qed.

Lemma filter_length_split {A} (f : A -> bool) l :
  length l = (length (filter f l) + length (filter (fun a => negb (f a)) l))%nat.
Proof. induction l as [|a l IH]; simpl; [easy|]. destruct (f a); simpl; lia. Qed.

(** The list of inputs behind a count. *)
Lemma count_with_label margin m labels rows base :
  length labels = length rows ->
  Forall (fun row => NoDup (map fst row)) (with_label m labels rows) ->
  Forall (fun row => NoDup (map fst row)) rows ->
  let l := filter (occurs m) (choices margin (with_label m labels rows) base) in
  NoDup l /\
  Z.of_nat (length (choices margin (with_label m labels rows) base))
    - Z.of_nat (length (choices margin rows base)) <= Z.of_nat (length l).
Proof.
  intros L N N' l. split; [apply NoDup_filter; now apply choices_nodup|].
  set (all := choices margin (with_label m labels rows) base) in *.
  rewrite (filter_length_split (occurs m) all). fold l.
  assert (length (filter (fun s => negb (occurs m s)) all) <= length (choices margin rows base))%nat; [|lia].
  apply NoDup_incl_length; [apply NoDup_filter; now apply choices_nodup|].
  intros s Hs. apply filter_In in Hs as [Hs E].
  apply choices_without_label with m labels; [easy|easy|].
  rewrite <- occurs_In. now destruct (occurs m s).
Qed.

(** A position, as the vector of the label and the letters of the other tokens. *)
Definition spot := (vector * list letter)%type.
Definition add_label (p : spot) : list letter := (fst p, 1) :: snd p.
