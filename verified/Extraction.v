(** The checker as an OCaml program. *)

From Coq Require Import Extraction.
From CompactProofs Require Import ExtractionSettings Check.

Extraction "checker.ml" examine_files.
