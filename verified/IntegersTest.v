(** A test of [integers.ml]: what Coq computes here must be what the extracted operations compute. *)

From Coq Require Import Strings.Byte String ZArith NArith PeanoNat List Extraction.
From CompactProofs Require Import ExtractionSettings Text.
Import ListNotations.
Local Open Scope Z_scope.

(** Around zero, around the powers of two where machine integers end, and large. *)
Definition numbers : list Z :=
  let near k := [k - 1; k; k + 1] in
  let positive := [2; 3; 10; 2 ^ 31; 2 ^ 64; 10 ^ 30] ++ flat_map near [2 ^ 62; 2 ^ 200] in
  0 :: 1 :: -1 :: positive ++ map Z.opp positive.

Definition shifts : list Z := [0; 1; 2; 13; 62; 63; 64; 130; -1; -2; -13; -62; -63; -64; -130].
Definition sizes : list nat := [0; 1; 2; 3; 5]%nat.

Definition of_bool (b : bool) : Z := if b then 1 else 0.
Definition of_comparison (c : comparison) : Z := match c with Lt => -1 | Eq => 0 | Gt => 1 end.
Definition digits_of (k : Z) : Z := match k with 0 => 7 | Zpos p => Zpos (xO p) | Zneg p => Zpos (xI p) end.
Fixpoint ones_in (p : positive) : Z :=
  match p with xH => 1 | xO p => ones_in p | xI p => 1 + ones_in p end.
Fixpoint counted (n : nat) : Z := match n with O => 0 | S n => 1 + counted n end.

Definition of_one (a : Z) : list Z :=
  [- a; Z.succ a; Z.pred a; Z.abs a; Z.sgn a; of_bool (Z.even a); of_bool (Z.odd a); Z.sqrt a; Z.log2 a;
   digits_of a; ones_in (Z.to_pos a); Z.of_N (N.pred (Z.to_N a)); Zpos (Pos.pred (Z.to_pos a));
   Zpos (Pos.succ (Z.to_pos a)); Z.of_N (N.succ (Z.to_N a))].

Definition of_two (a b : Z) : list Z :=
  let p := Z.to_pos a in let q := Z.to_pos b in
  let m := Z.to_N a in let n := Z.to_N b in
  [a + b; a - b; a * b; a / b; a mod b; fst (Z.div_eucl a b); snd (Z.div_eucl a b); Z.min a b; Z.max a b;
   Z.land a b; Z.lor a b; Z.lxor a b; of_bool (a =? b); of_bool (a <=? b); of_bool (a <? b);
   of_bool (a >=? b); of_bool (a >? b); of_comparison (a ?= b); of_bool (if Z.eq_dec a b then true else false);
   Zpos (p + q); Zpos (p - q); Zpos (p * q); Zpos (Pos.min p q); Zpos (Pos.max p q);
   of_bool (Pos.eqb p q); of_bool (Pos.leb p q); of_bool (Pos.ltb p q); of_comparison (Pos.compare p q);
   Z.of_N (m + n); Z.of_N (m - n); Z.of_N (m * n);
   of_bool (N.eqb m n); of_bool (N.leb m n); of_bool (N.ltb m n); of_comparison (N.compare m n)].

Definition of_shift (a k : Z) : list Z :=
  [Z.shiftl a k; Z.shiftr a k; Z.pow a (Z.min k 13); of_bool (Z.testbit a k)].

Definition of_sizes (a b : nat) : list Z :=
  map Z.of_nat
    [a + b; a - b; a * b; Nat.pow a b; Nat.min a b; Nat.max a b; Nat.pred a; Pos.to_nat (Pos.of_succ_nat a)]%nat
  ++ [of_bool (Nat.eqb a b); of_bool (Nat.leb a b); of_bool (Nat.ltb a b); of_comparison (Nat.compare a b);
      of_bool (if Nat.eq_dec a b then true else false); counted a; Z.of_nat (Z.to_nat (Z.of_nat a - 2))].

(** A row of results in one number. *)
Definition digest (row : list Z) : Z := fold_left (fun h k => (h * 1000003 + k) mod (2 ^ 61 - 1)) row 0.

Definition computed (_ : unit) : list Z :=
  map digest (
    map of_one numbers
    ++ flat_map (fun a => map (of_two a) numbers) numbers
    ++ flat_map (fun a => map (of_shift a) shifts) numbers
    ++ flat_map (fun a => map (of_sizes a) sizes) sizes).

(** Computed by Coq, now. *)
Definition expected : list String.string :=
  Eval vm_compute in map (fun k => string_of_list_byte (decimal k)) (computed tt).

Extraction "integers_test.ml" computed expected.
