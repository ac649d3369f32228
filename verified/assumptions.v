(** What the soundness theorem rests on; [check_assumptions] compares it with what is expected. *)

From CompactProofs Require Import Check.

Print Assumptions check_sound.
