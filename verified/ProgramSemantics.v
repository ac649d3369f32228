(** * What a verdict about a program means

    A model of format version 2 is a straight-line program: a list of steps, each of which computes a value
    from earlier ones. A value is a list of rows (one for each position, unless said otherwise), a row a list of
    real numbers. The rows of the last value are the logits, one row for each answer that the task asks for.

    This page, [Tasks] and the record [dyadic] of [Syntax] are all that must be read to know what an accepted
    certificate about a program claims. *)

From Coq Require Import Reals ZArith List.
From CompactProofs Require Import Syntax Tasks.
Import ListNotations.
Open Scope R_scope.

(** ** The grammar: [x], [y], [q], [k], [v] are numbers of earlier steps, counted from 0 *)

Inductive activation := Relu | Square | GeluNew | Silu.

Inductive step :=
| Embed (W : dyadic)                                  (* row j: the row of W of the token at position j *)
| EmbedAt (j : nat) (W : dyadic)                      (* one row: that of the token at position j *)
| Constant (W : dyadic)                               (* the rows of W *)
| Linear (x : nat) (W : dyadic)                       (* every row times W *)
| Bias (x : nat) (W : dyadic)                         (* every row plus the only row of W *)
| Times (x : nat) (W : dyadic)                        (* every row times the only row of W, entry by entry *)
| Add (x y : nat)
| Product (x y : nat)                                 (* entry by entry *)
| Activation (f : activation) (x : nat)               (* entry by entry *)
| Normalize (x : nat) (eps : dyadic)                  (* LayerNorm without weights *)
| Rms (x : nat) (eps : dyadic)                        (* RMSNorm without weights *)
| Attend (q k v : nat) (causal : bool) (s : dyadic) (m : nat)  (* softmax attention, scores times s / sqrt m *)
| AttendSum (v : nat) (causal : bool)                 (* the sum of the rows that are seen *)
| Rows (x : nat) (l : list nat)                       (* the rows of x with the numbers in l *)
| Total (x : nat).                                    (* one row: the sum of all *)

(** [token_sets]: the tokens allowed at each position. *)
Record program := Program { token_sets : list (list nat); the_task : task; steps : list step }.

(** ** Rows and matrices of real numbers *)

Definition row := list R.

(** The rows of a matrix; an entry is an integer times a power of two. *)
Definition matrix (A : dyadic) : list row := map (map (fun k => IZR k * powerRZ 2 (exponent A))) (rows A).

(** The only row of a matrix of one row, the only entry of a matrix of one entry. *)
Definition only_row (A : dyadic) : row := nth 0 (matrix A) [].
Definition only_entry (A : dyadic) : R := nth 0 (only_row A) 0.

Definition row_sum (a : row) : R := fold_right Rplus 0 a.

(** Entry by entry, for rows of the same length ([entrywise Rplus] is [plus] for these). *)
Fixpoint entrywise (f : R -> R -> R) (a b : row) : row :=
  match a, b with
  | x :: a', y :: b' => f x y :: entrywise f a' b'
  | _, _ => []
  end.

Definition inner (a b : row) : R := row_sum (entrywise Rmult a b).

Fixpoint plus (a b : row) : row :=
  match a, b with
  | x :: a', y :: b' => x + y :: plus a' b'
  | [], _ => b
  | _, [] => a
  end.

(** The row [a] times the matrix with the rows [M]: the sum of these rows, each times its entry of [a]. *)
Fixpoint times (a : row) (M : list row) : row :=
  match a, M with
  | x :: a', r :: M' => plus (map (Rmult x) r) (times a' M')
  | _, _ => []
  end.

Definition softmax (scores : row) : row :=
  map (fun z => exp z / row_sum (map exp scores)) scores.

Definition mean (a : row) : R := row_sum a / INR (length a).

Definition centred (a : row) : row := map (fun x => x - mean a) a.

(** [a] divided by the root of its mean square and [eps]. *)
Definition rms (eps : R) (a : row) : row :=
  map (fun x => x / sqrt (mean (map (fun y => y * y) a) + eps)) a.

Definition sigmoid (x : R) : R := 1 / (1 + exp (- x)).

Definition tanh (x : R) : R := (exp x - exp (- x)) / (exp x + exp (- x)).

Definition activate (f : activation) (x : R) : R :=
  match f with
  | Relu => Rmax x 0
  | Square => x * x
  | GeluNew => x / 2 * (1 + tanh (sqrt (2 / PI) * (x + 44715 / 1000000 * (x * x * x))))
  | Silu => x * sigmoid x
  end.

(** The rows that row [j] sees: those up to its own, or all. *)
Definition seen {A} (causal : bool) (j : nat) (l : list A) : list A := if causal then firstn (S j) l else l.

(** [f] of every row and its number. *)
Definition map_rows {A} (f : nat -> row -> A) (M : list row) : list A :=
  map (fun j => f j (nth j M [])) (seq 0 (length M)).

(** ** What a step computes *)

Section Steps.
Variable input : list nat.

(** [value x] is the value of step [x]. *)
Definition apply (value : nat -> list row) (s : step) : list row :=
  match s with
  | Embed W => map (fun t => nth t (matrix W) []) input
  | EmbedAt j W => [nth (nth j input 0%nat) (matrix W) []]
  | Constant W => matrix W
  | Linear x W => map (fun r => times r (matrix W)) (value x)
  | Bias x W => map (fun r => plus r (only_row W)) (value x)
  | Times x W => map (fun r => entrywise Rmult r (only_row W)) (value x)
  | Add x y => map_rows (fun j r => plus r (nth j (value y) [])) (value x)
  | Product x y => map_rows (fun j r => entrywise Rmult r (nth j (value y) [])) (value x)
  | Activation f x => map (map (activate f)) (value x)
  | Normalize x eps => map (fun r => rms (only_entry eps) (centred r)) (value x)
  | Rms x eps => map (rms (only_entry eps)) (value x)
  | Attend q k v causal s m =>
      map_rows (fun j r =>
        times (softmax (map (fun key => only_entry s / sqrt (INR m) * inner r key) (seen causal j (value k))))
              (seen causal j (value v))) (value q)
  | AttendSum v causal => map_rows (fun j _ => fold_right plus [] (seen causal j (value v))) (value v)
  | Rows x l => map (fun i => nth i (value x) []) l
  | Total x => [fold_right plus [] (value x)]
  end.

(** The values of [ss], steps that come after those with the values [values]. *)
Fixpoint run (values : list (list row)) (ss : list step) : list (list row) :=
  match ss with
  | [] => values
  | s :: rest => run (values ++ [apply (fun x => nth x values []) s]) rest
  end.

End Steps.

Definition logits (P : program) (input : list nat) : list row := last (run input [] (steps P)) [].

(** ** Inputs, and when they are correct *)

(** An input is a sequence of allowed tokens for which the task has labels. *)
Definition is_input (P : program) (x : list nat) : Prop :=
  Forall2 (fun t allowed => In t allowed) x (token_sets P) /\ labels (the_task P) x <> None.

(** All sequences with a token of each set, and the inputs among them. *)
Fixpoint sequences (sets : list (list nat)) : list (list nat) :=
  match sets with
  | [] => [[]]
  | allowed :: rest => flat_map (fun t => map (cons t) (sequences rest)) allowed
  end.

Definition inputs (P : program) : list (list nat) :=
  filter (fun x => match labels (the_task P) x with Some _ => true | None => false end)
         (sequences (token_sets P)).

Definition number_of_inputs (P : program) : Z := Z.of_nat (length (inputs P)).

(** The label's logit is strictly greater than every other one. *)
Definition answers (label : nat) (r : row) : Prop :=
  (label < length r)%nat /\ forall o, (o < length r)%nat -> o <> label -> nth o r 0 < nth label r 0.

(** An input is correct when every answer is. *)
Definition correct (P : program) (x : list nat) : Prop :=
  exists ls, labels (the_task P) x = Some ls /\ Forall2 answers ls (logits P x).

(** [inputs] is what it is said to be: every input is in it. *)
Lemma in_sequences sets : forall x, In x (sequences sets) <-> Forall2 (fun t allowed => In t allowed) x sets.
Proof.
  induction sets as [|allowed rest IH]; intros x; simpl.
  - split; [intros [<-|[]]; constructor|inversion 1; now left].
  - rewrite in_flat_map. split.
    + intros (t & Ht & Hx). apply in_map_iff in Hx as (y & <- & Hy). constructor; [easy|now apply IH].
    + inversion 1 as [|t y ? ? Ht Hy]; subst. exists t. split; [easy|]. apply in_map. now apply IH.
Qed.

Lemma in_inputs P x : In x (inputs P) <-> is_input P x.
Proof.
  unfold inputs, is_input. rewrite filter_In, in_sequences.
  destruct (labels (the_task P) x); intuition easy.
Qed.
