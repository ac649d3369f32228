(** * Tasks: the labels of an input

    A task looks at some positions of a sequence of tokens and gives a list of labels, one for each answer, or
    nothing: then the sequence is no input. *)

From Coq Require Import List Arith Bool ZArith String.
Import ListNotations.
Local Open Scope string_scope.
Local Open Scope list_scope.
Local Open Scope nat_scope.

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
| Automaton (backwards all : bool) (states alphabet : nat) (table outputs : list nat)
| FirstUnique.

Record task := Task { task_rule : rule; looks_at : list nat }.

Fixpoint insert (t : nat) (x : list nat) : list nat :=
  match x with
  | [] => [t]
  | u :: rest => if t <=? u then t :: x else u :: insert t rest
  end.

Definition ascending_order (x : list nat) : list nat := fold_right insert [] x.

(** How often [t] occurs. *)
Definition occurrences (x : list nat) (t : nat) : nat := List.length (filter (Nat.eqb t) x).

(** The token that occurs more often than every other. *)
Definition most_frequent (x : list nat) : option nat :=
  find (fun t => forallb (fun u => (u =? t) || (occurrences x u <? occurrences x t)) x) x.

(** The first token that occurs once. *)
Definition first_unique (x : list nat) : option nat := find (fun t => occurrences x t =? 1) x.

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
  | FirstUnique => option_map one (first_unique x)
  end.

Definition labels (t : task) (x : list nat) : option (list nat) :=
  rule_labels (task_rule t) (map (fun j => nth j x 0) (looks_at t)).

(** Whether every sequence has labels. *)
Definition always_labelled (r : rule) : bool :=
  match r with
  | Maximum | Minimum | KthLargest _ | Sort | Copy | SumModulo _ | Palindrome => true
  | MostFrequent | GroupProduct _ _ | Induction | Balanced _ _ | Automaton _ _ _ _ _ _ | FirstUnique => false
  end.

Lemma always_labelled_labels r x : always_labelled r = true -> rule_labels r x <> None.
Proof. now destruct r. Qed.

(** ** How a file names a task

    By a word, which the number of parameters follows; the parameters end with the positions to look at. *)

Definition rule_words : list string :=
  ["max "; "min "; "kth_largest "; "sort "; "copy "; "most_frequent "; "sum_modulo "; "group_product ";
   "induction "; "palindrome "; "balanced "; "automaton ";
   "first_unique "].

(** The number of the rule's word, and its parameters. *)
Definition encode_rule (r : rule) : nat * list nat :=
  match r with
  | Maximum => (0, [])
  | Minimum => (1, [])
  | KthLargest k => (2, [k])
  | Sort => (3, [])
  | Copy => (4, [])
  | MostFrequent => (5, [])
  | SumModulo p => (6, [p])
  | GroupProduct g table => (7, g :: table)
  | Induction => (8, [])
  | Palindrome => (9, [])
  | Balanced a b => (10, [a; b])
  | Automaton backwards all states alphabet table outputs =>
      (11, (if backwards then 1 else 0) :: (if all then 1 else 0) :: states :: alphabet :: table ++ outputs)
  | FirstUnique => (12, [])
  end%nat.

Definition encode_task (t : task) : nat * list nat :=
  let (i, parameters) := encode_rule (task_rule t) in (i, parameters ++ looks_at t).

Definition switch (k : nat) : option bool :=
  match k with 0%nat => Some false | 1%nat => Some true | _ => None end.

(** Whether a table of [a] rows and [b] columns can be there. *)
Definition room (a b : nat) (l : list nat) : bool := (Z.of_nat a * Z.of_nat b <=? Z.of_nat (List.length l))%Z.

Definition decode_task (it : nat * list nat) : option task :=
  match it with
  | (0, l) => Some (Task Maximum l)
  | (1, l) => Some (Task Minimum l)
  | (2, k :: l) => Some (Task (KthLargest k) l)
  | (3, l) => Some (Task Sort l)
  | (4, l) => Some (Task Copy l)
  | (5, l) => Some (Task MostFrequent l)
  | (6, p :: l) => Some (Task (SumModulo p) l)
  | (7, g :: l) =>
      if room g g l then Some (Task (GroupProduct g (firstn (g * g) l)) (skipn (g * g) l)) else None
  | (8, l) => Some (Task Induction l)
  | (9, l) => Some (Task Palindrome l)
  | (10, a :: b :: l) => Some (Task (Balanced a b) l)
  | (11, d :: m :: s :: k :: l) =>
      match switch d, switch m with
      | Some backwards, Some all =>
          if room s k l then
            let l' := skipn (s * k) l in
            Some (Task (Automaton backwards all s k (firstn (s * k) l) (firstn s l')) (skipn s l'))
          else None
      | _, _ => None
      end
  | (12, l) => Some (Task FirstUnique l)
  | _ => None
  end%nat.

Definition rule_fits (r : rule) (read : nat) : bool :=
  match r with
  | KthLargest k => (1 <=? k) && (k <=? read)
  | SumModulo p => 1 <=? p
  | GroupProduct g table => (1 <=? g) && forallb (fun t => t <? g) table
  | Induction => 3 <=? read
  | Balanced a b => negb (a =? b)
  | Automaton _ _ states alphabet table outputs =>
      (1 <=? states) && (1 <=? alphabet) && forallb (fun t => t <? states) table
      && (List.length outputs =? states)
  | _ => true
  end%nat.

Lemma decode_encode it t : decode_task it = Some t -> encode_task t = it.
Proof.
  destruct it as [i l]. unfold encode_task.
  destruct i as [|[|[|[|[|[|[|[|[|[|[|[|[|i]]]]]]]]]]]]]; cbn [decode_task]; try discriminate;
    repeat match goal with
    | |- context [match ?l with [] => _ | _ :: _ => _ end] => destruct l; try discriminate
    end; try (intros [= <-]; reflexivity).
  - destruct (room _ _ _); [|discriminate]. intros [= <-]. cbn. now rewrite firstn_skipn.
  - destruct (switch n) as [b|] eqn:B; [|discriminate]. destruct (switch n0) as [a|] eqn:A; [|discriminate].
    destruct (room _ _ _); [|discriminate]. intros [= <-]. cbn. rewrite <- app_assoc, !firstn_skipn.
    destruct n as [|[|n]], n0 as [|[|n0]]; try discriminate; injection B as <-; injection A as <-;
      reflexivity.
Qed.
