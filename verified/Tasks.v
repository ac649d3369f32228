(** * Tasks: the labels of an input

    A task looks at some positions of a sequence of tokens and gives a list of labels, one for each answer, or
    nothing: then the sequence is no input. *)

From Coq Require Import List Arith Bool.
Import ListNotations.

(** [Automaton backwards all states alphabet table outputs]: a deterministic automaton that starts in state 0,
    and goes from state [s] by token [t] to the entry [alphabet * s + t] of [table]. The output of a state is
    its label plus 1, or 0 for none. *)
Inductive rule :=
| Maximum
| Minimum
| KthLargest (k : nat)
| Sort
| Copy
| MostFrequent
| SumModulo (p : nat)
| GroupProduct (g : nat) (table : list nat)  (* the entry [g * x + y] is the product of [x] and [y] *)
| Induction                                  (* what followed the last token where it was seen before *)
| Palindrome
| Balanced (opening closing : nat)
| Automaton (backwards all : bool) (states alphabet : nat) (table outputs : list nat).

Record task := Task { task_rule : rule; looks_at : list nat }.

Fixpoint insert (t : nat) (x : list nat) : list nat :=
  match x with
  | [] => [t]
  | u :: rest => if t <=? u then t :: x else u :: insert t rest
  end.

Definition ascending_order (x : list nat) : list nat := fold_right insert [] x.

(** How often [t] occurs. *)
Definition occurrences (x : list nat) (t : nat) : nat := length (filter (Nat.eqb t) x).

(** The token that occurs more often than every other. *)
Definition most_frequent (x : list nat) : option nat :=
  find (fun t => forallb (fun u => (u =? t) || (occurrences x u <? occurrences x t)) x) x.

Fixpoint distinct (x : list nat) : bool :=
  match x with
  | [] => true
  | t :: rest => negb (existsb (Nat.eqb t) rest) && distinct rest
  end.

(** What follows [t]. *)
Fixpoint successor (t : nat) (x : list nat) : option nat :=
  match x with
  | a :: ((b :: _) as rest) => if a =? t then Some b else successor t rest
  | _ => None
  end.

Definition follower (x : list nat) : option nat :=
  let others := removelast x in
  if distinct others then successor (last x 0) others else None.

(** Whether no closing bracket comes without its opening one, [depth] being open before, and none is left. *)
Fixpoint balances (opening depth : nat) (x : list nat) : bool :=
  match x with
  | [] => depth =? 0
  | t :: rest =>
      if t =? opening then balances opening (S depth) rest
      else match depth with O => false | S d => balances opening d rest end
  end.

(** The states after each token. *)
Fixpoint visited (alphabet : nat) (table : list nat) (state : nat) (x : list nat) : list nat :=
  match x with
  | [] => []
  | t :: rest => let next := nth (alphabet * state + t) table 0 in next :: visited alphabet table next rest
  end.

(** The labels of outputs, if all have one. *)
Fixpoint outputs_labels (outputs : list nat) : option (list nat) :=
  match outputs with
  | [] => Some []
  | S label :: rest => option_map (cons label) (outputs_labels rest)
  | O :: _ => None
  end.

Definition one (label : nat) : list nat := [label].

Definition truth (b : bool) : list nat := if b then [1] else [0].

(** The labels by rule [r], [x] being the tokens that are looked at. *)
Definition rule_labels (r : rule) (x : list nat) : option (list nat) :=
  match r with
  | Maximum => Some [fold_right Nat.max 0 x]
  | Minimum => Some [fold_right Nat.min (hd 0 x) x]
  | KthLargest k => Some [nth (k - 1) (rev (ascending_order x)) 0]
  | Sort => Some (ascending_order x)
  | Copy => Some x
  | MostFrequent => option_map one (most_frequent x)
  | SumModulo p => Some [fold_right Nat.add 0 x mod p]
  | GroupProduct g table =>
      if forallb (fun t => t <? g) x
      then Some [fold_left (fun a b => nth (g * a + b) table 0) (tl x) (hd 0 x)] else None
  | Induction => option_map one (follower x)
  | Palindrome => Some (truth (if list_eq_dec Nat.eq_dec x (rev x) then true else false))
  | Balanced opening closing =>
      if forallb (fun t => (t =? opening) || (t =? closing)) x
      then Some (truth (balances opening 0 x)) else None
  | Automaton backwards all states alphabet table outputs =>
      if forallb (fun t => t <? alphabet) x then
        let read := visited alphabet table 0 (if backwards then rev x else x) in
        let wanted := if all then read else [last read 0] in
        outputs_labels (map (fun s => nth s outputs 0) wanted)
      else None
  end.

Definition labels (t : task) (x : list nat) : option (list nat) :=
  rule_labels (task_rule t) (map (fun j => nth j x 0) (looks_at t)).
