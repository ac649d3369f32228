From Coq Require Import ZArith List.
Import ListNotations.
Inductive task := Max.
Definition labels (t : task) (x : list nat) : option (list nat) := Some [fold_right Nat.max 0 x].
