(** * Integers that Coq computes fast with

    [Z] is a chain of bits, and a product takes as many steps as bits times bits. The integers of the library
    Bignums are made of machine words, Coq's primitive integers. The files [Fast*.v] are the checker over
    them: for each function [f] a function [fast_f], and a lemma that the [value] of what it computes is what
    [f] computes from the values. So nothing is proved about models and certificates a second time. *)

From Coq Require Import ZArith List Bool.
From Bignums Require Import BigZ.
From CompactProofs Require Import Counting Outcome.
Import ListNotations.

Notation int := BigZ.t_.
Notation value := BigZ.to_Z.

(** Numbers of a file, made fast. *)
Notation fast := BigZ.of_Z.

Lemma value_0 : value 0%bigZ = 0%Z.
Proof. reflexivity. Qed.

Lemma value_1 : value 1%bigZ = 1%Z.
Proof. reflexivity. Qed.

#[export] Hint Rewrite value_0 value_1 BigZ.spec_opp BigZ.spec_add BigZ.spec_sub BigZ.spec_mul
  BigZ.spec_div BigZ.spec_sqrt BigZ.spec_min BigZ.spec_max BigZ.spec_shiftl BigZ.spec_shiftr BigZ.spec_odd
  BigZ.spec_div2 BigZ.spec_leb BigZ.spec_ltb BigZ.spec_eqb BigZ.spec_of_Z : value.

(** ** Lists, and lists of lists *)

Definition values : list int -> list Z := map value.
Definition value_rows : list (list int) -> list (list Z) := map values.

Definition value_pair (p : int * int) : Z * Z := (value (fst p), value (snd p)).

Section Lists.
Context {A B C A' B' C' : Type}.
Variables (a : A -> A') (b : B -> B') (c : C -> C').

Lemma map_through (f : A -> B) g l : (forall x, b (f x) = g (a x)) -> map b (map f l) = map g (map a l).
Proof. intros H. rewrite !map_map. now apply map_ext. Qed.

Lemma map_zip (f : A -> B -> C) g : (forall x y, c (f x y) = g (a x) (b y)) ->
  forall l l', map c (zip_with f l l') = zip_with g (map a l) (map b l').
Proof.
  intros H. induction l as [|x l IH]; intros [|y l']; simpl; [easy..|]. now rewrite H, IH.
Qed.

Lemma map_fold (f : B -> A -> B) g l : (forall x y, b (f x y) = g (b x) (a y)) ->
  forall x, b (fold_left f l x) = fold_left g (map a l) (b x).
Proof. intros H. induction l as [|y l IH]; intros x; simpl; [easy|]. now rewrite IH, H. Qed.

Lemma map_fold_right (f : A -> B -> B) g l x : (forall x y, b (f y x) = g (a y) (b x)) ->
  b (fold_right f x l) = fold_right g (b x) (map a l).
Proof. intros H. induction l as [|y l IH]; simpl; [easy|]. now rewrite H, IH. Qed.

Lemma forallb_through (f : A -> bool) g l : (forall x, f x = g (a x)) -> forallb f l = forallb g (map a l).
Proof. intros H. induction l as [|x l IH]; simpl; [easy|]. now rewrite H, IH. Qed.

End Lists.

Lemma map_repeat_value {A B} (f : A -> B) x n : map f (repeat x n) = repeat (f x) n.
Proof. induction n as [|n IH]; simpl; [easy|]. now rewrite IH. Qed.

Lemma map_nth_to {A B} (f : A -> B) i l d d' : f d = d' -> f (nth i l d) = nth i (map f l) d'.
Proof. intros <-. symmetry. apply map_nth. Qed.

Lemma values_nth i l : value (nth i l 0%bigZ) = nth i (values l) 0%Z.
Proof. now apply map_nth_to. Qed.

Lemma value_rows_nth i l : values (nth i l []) = nth i (value_rows l) [].
Proof. now apply map_nth_to. Qed.

Lemma values_length l : length (values l) = length l.
Proof. apply map_length. Qed.

Lemma values_fast l : values (map fast l) = l.
Proof.
  unfold values. rewrite map_map. rewrite <- (map_id l) at 2. apply map_ext. apply BigZ.spec_of_Z.
Qed.

Lemma value_rows_fast l : value_rows (map (map fast) l) = l.
Proof.
  unfold value_rows. rewrite map_map. rewrite <- (map_id l) at 2. apply map_ext. apply values_fast.
Qed.

(** ** Results, without the reasons of refusals *)

Definition accepted {A} (r : result A) : option A := match r with Ok a => Some a | _ => None end.

Definition bind_option {A B} (o : option A) (f : A -> option B) : option B :=
  match o with Some a => f a | None => None end.

Notation "'try' x <- o ; f" := (bind_option o (fun x => f))
  (at level 200, x pattern, o at level 100, f at level 200).

Lemma accepted_ok {A} (r : result A) a : accepted r = Some a -> r = Ok a.
Proof. destruct r; [intros [= ->]; easy|easy..]. Qed.

(** Both sides of a [bind] agree. *)
Lemma bind_through {A B A' B'} (f : A -> A') (g : B -> B') o (r : result A') k k' :
  option_map f o = accepted r -> (forall a, option_map g (k a) = accepted (k' (f a))) ->
  option_map g (bind_option o k) = accepted (bind r k').
Proof.
  intros H K. destruct o as [a|], r as [a'| |]; simpl in *; try discriminate; [|easy..].
  injection H as <-. apply K.
Qed.
