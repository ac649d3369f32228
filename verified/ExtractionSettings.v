(** How Coq's types become OCaml's.

    Integers become Zarith's, sizes become machine integers, bytes become characters, strings become
    strings. What stands for the operations on numbers is in [integers.ml]. Nothing proves that it agrees with
    Coq, so that file and this one are trusted; [IntegersTest] compares the two on many values. *)

From Coq Require Import ZArith NArith PeanoNat List String Strings.Byte Extraction.
From Coq Require Export ExtrOcamlBasic ExtrOcamlNativeString.

(** ** Numbers *)

Extract Inductive positive => "Integers.t"
  ["Integers.double_and_one" "Integers.double" "Integers.one"] "Integers.match_positive".
Extract Inductive Z => "Integers.t" ["Integers.zero" "" "Integers.opp"] "Integers.match_z".
Extract Inductive N => "Integers.t" ["Integers.zero" ""] "Integers.match_n".
Extract Inductive nat => "int" ["0" "Integers.nat_succ"] "Integers.match_nat".

Extract Inlined Constant Z.zero => "Integers.zero".
Extract Inlined Constant Z.one => "Integers.one".
Extract Inlined Constant Z.opp => "Integers.opp".
Extract Inlined Constant Z.succ => "Integers.succ".
Extract Inlined Constant Z.pred => "Integers.pred".
Extract Inlined Constant Z.abs => "Integers.abs".
Extract Inlined Constant Z.add => "Integers.add".
Extract Inlined Constant Z.sub => "Integers.sub".
Extract Inlined Constant Z.mul => "Integers.mul".
Extract Inlined Constant Z.min => "Integers.min".
Extract Inlined Constant Z.max => "Integers.max".
Extract Inlined Constant Z.eqb => "Integers.eqb".
Extract Inlined Constant Z.eq_dec => "Integers.eqb".
Extract Inlined Constant Z.leb => "Integers.leb".
Extract Inlined Constant Z.ltb => "Integers.ltb".
Extract Inlined Constant Z.geb => "Integers.geb".
Extract Inlined Constant Z.gtb => "Integers.gtb".
Extract Constant Z.compare =>
  "fun x y -> let c = Integers.compare x y in if c = 0 then Eq else if c < 0 then Lt else Gt".
Extract Inlined Constant Z.sgn => "Integers.sgn".
Extract Inlined Constant Z.even => "Integers.even".
Extract Inlined Constant Z.odd => "Integers.odd".
Extract Inlined Constant Z.div => "Integers.div".
Extract Inlined Constant Z.modulo => "Integers.modulo".
Extract Inlined Constant Z.div_eucl => "Integers.div_eucl".
Extract Inlined Constant Z.shiftl => "Integers.shiftl".
Extract Inlined Constant Z.shiftr => "Integers.shiftr".
Extract Inlined Constant Z.land => "Integers.land_".
Extract Inlined Constant Z.lor => "Integers.lor_".
Extract Inlined Constant Z.lxor => "Integers.lxor_".
Extract Inlined Constant Z.testbit => "Integers.testbit".
Extract Inlined Constant Z.pow => "Integers.pow".
Extract Inlined Constant Z.sqrt => "Integers.sqrt".
Extract Inlined Constant Z.log2 => "Integers.log2".

Extract Inlined Constant Pos.succ => "Integers.succ".
Extract Inlined Constant Pos.pred => "Integers.pos_pred".
Extract Inlined Constant Pos.add => "Integers.add".
Extract Inlined Constant Pos.sub => "Integers.pos_sub".
Extract Inlined Constant Pos.mul => "Integers.mul".
Extract Inlined Constant Pos.min => "Integers.min".
Extract Inlined Constant Pos.max => "Integers.max".
Extract Inlined Constant Pos.eqb => "Integers.eqb".
Extract Inlined Constant Pos.leb => "Integers.leb".
Extract Inlined Constant Pos.ltb => "Integers.ltb".
Extract Constant Pos.compare =>
  "fun x y -> let c = Integers.compare x y in if c = 0 then Eq else if c < 0 then Lt else Gt".

Extract Inlined Constant N.succ => "Integers.succ".
Extract Inlined Constant N.pred => "Integers.n_pred".
Extract Inlined Constant N.add => "Integers.add".
Extract Inlined Constant N.sub => "Integers.n_sub".
Extract Inlined Constant N.mul => "Integers.mul".
Extract Inlined Constant N.eqb => "Integers.eqb".
Extract Inlined Constant N.leb => "Integers.leb".
Extract Inlined Constant N.ltb => "Integers.ltb".
Extract Constant N.compare =>
  "fun x y -> let c = Integers.compare x y in if c = 0 then Eq else if c < 0 then Lt else Gt".

Extract Inlined Constant Nat.pred => "Integers.nat_pred".
Extract Inlined Constant Nat.add => "Integers.nat_add".
Extract Inlined Constant Nat.sub => "Integers.nat_sub".
Extract Inlined Constant Nat.mul => "Integers.nat_mul".
Extract Inlined Constant Nat.pow => "Integers.nat_pow".
Extract Inlined Constant Nat.min => "Integers.nat_min".
Extract Inlined Constant Nat.max => "Integers.nat_max".
Extract Inlined Constant Nat.eqb => "Integers.nat_eqb".
Extract Inlined Constant Nat.eq_dec => "Integers.nat_eqb".
Extract Inlined Constant Nat.leb => "Integers.nat_leb".
Extract Inlined Constant Nat.ltb => "Integers.nat_ltb".
Extract Constant Nat.compare =>
  "fun x y -> let c = Integers.nat_compare x y in if c = 0 then Eq else if c < 0 then Lt else Gt".

Extract Inlined Constant Z.to_nat => "Integers.to_nat".
Extract Inlined Constant Z.of_nat => "Integers.of_nat".
Extract Inlined Constant Z.of_N => "".
Extract Inlined Constant Z.to_N => "Integers.max Integers.zero".
Extract Inlined Constant Pos.to_nat => "Integers.to_nat".
Extract Inlined Constant Pos.of_succ_nat => "(fun k -> Integers.succ (Integers.of_nat k))".

(** ** Lists: OCaml's own functions where those of Coq would need a deep stack *)

Extract Inlined Constant List.rev => "Stdlib.List.rev".
Extract Inlined Constant List.length => "Stdlib.List.length".
