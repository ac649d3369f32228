(** * What a verdict about a program means

    A model of format version 2 is a straight-line program: a list of steps, each of which computes a value
    from earlier ones. A value is a list of rows (one for each position, unless said otherwise)
      , a row a list of
    real numbers. The rows of the last value are the logits, one row for each answer that the task asks for.

    This page, [Tasks] and the record [dyadic] of [Syntax] are all that must be read to know what an accepted
    certificate about a program claims. *)

From Coq Require Import Reals ZArith List.
From CompactProofs Require Import Syntax Tasks.
Import ListNotations.
Open Scope R_scope.

(** ** The grammar

    [x], [y], [q], [k], [v] are numbers of earlier steps, [W] is the number of a tensor
      , all counted from 0; the
    number [n] stands for [mantissa n * 2 ^ power n]. *)

Record scalar := Scalar { mantissa : Z; power : Z }.

Inductive activation := Relu | GeluNew | Silu | Tanh.

Inductive step :=
| Embed (W : nat)                           (* row j: the row of W of the token at position j *)
| EmbedAt (j W : nat)                       (* one row: that of the token at position j *)
| Constant (W : nat)                        (* the rows of W *)
| Linear (x W : nat)                        (* every row times W *)
| Bias (x W : nat)                          (* every row plus the only row of W *)
| Times (x W : nat)                         (* every row times the only row of W, entry by entry *)
| Add (x y : nat)
| Product (x y : nat)                       (* entry by entry *)
| Activation (f : activation) (x : nat)     (* entry by entry *)
| Center (x : nat)                          (* every row minus its mean *)
| Rms (x : nat) (eps : scalar)              (* every row over the root of its mean square plus eps *)
| Attend (q k v : nat) (causal : bool) (s : scalar) (m : nat)  (* attention, scores times s / sqrt m *)
| AttendSum (v : nat) (causal : bool)       (* the sum of the rows that are seen *)
| Rows (x : nat) (l : list nat)             (* the rows of x with the numbers in l *)
| Total (x : nat).                          (* one row: the sum of all *)

(** [token_sets]: the tokens allowed at each position. *)
Record program := Program {
  the_task : task;
  token_sets : list (list nat);
  tensors : list dyadic;
  steps : list step
}.

(** ** Rows and matrices of real numbers *)

Definition row := list R.

(** The rows of a matrix; an entry is an integer times a power of two. *)
Definition matrix (A : dyadic) : list row := map (map (fun k => IZR k * powerRZ 2 (exponent A))) (rows A).

(** The only row of a matrix of one row. *)
Definition only_row (A : dyadic) : row := nth 0 (matrix A) [].

Definition real (n : scalar) : R := IZR (mantissa n) * powerRZ 2 (power n).

Definition row_sum (a : row) : R := fold_right Rplus 0 a.

(** Entry by entry, for rows of the same length. *)
Fixpoint entrywise (f : R -> R -> R) (a b : row) : row :=
  match a, b with
  | x :: a', y :: b' => f x y :: entrywise f a' b'
  | _, _ => []
  end.

Definition inner (a b : row) : R := row_sum (entrywise Rmult a b).

(** The sum of two rows of the same length; the empty row is neutral. *)
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

(** [a] over the root of its mean square plus [eps]. *)
Definition rms (eps : R) (a : row) : row :=
  map (fun x => x / sqrt (mean (map (fun y => y * y) a) + eps)) a.

Definition relu (x : R) : R := Rmax x 0.

Definition sigmoid (x : R) : R := 1 / (1 + exp (- x)).

Definition silu (x : R) : R := x * sigmoid x.

(** x / 2 (1 + tanh (c (x + b x^3))) is x sigmoid (2 c (x + b x^3)). The constants 2 c and b are the numbers of
    double precision that programs use for 2 sqrt (2 / pi) = 1.59577 and 0.044715. *)
Definition gelu_scale : R := 7186705221432913 / 2 ^ 52.
Definition gelu_cubic : R := 6444110634811895 / 2 ^ 57.

Definition gelu_new (x : R) : R := x * sigmoid (gelu_scale * (x + gelu_cubic * (x * x * x))).

Definition activate (f : activation) : R -> R :=
  match f with
  | Relu => relu
  | GeluNew => gelu_new
  | Silu => silu
  | Tanh => tanh  (* of Coq's library: (exp x - exp (-x)) / 2 over (exp x + exp (-x)) / 2 *)
  end.

(** The rows that row [j] sees: those up to its own, or all. *)
Definition seen {A} (causal : bool) (j : nat) (l : list A) : list A := if causal then firstn (S j) l else l.

(** [f] of every row and its number. *)
Definition map_rows {A} (f : nat -> row -> A) (M : list row) : list A :=
  map (fun j => f j (nth j M [])) (seq 0 (length M)).

(** ** What a step computes *)

Section Steps.
Variable A : list dyadic.
Variable input : list nat.

Definition tensor (W : nat) : dyadic := nth W A (Dyadic [] 0).
Definition token (j : nat) : nat := nth j input 0%nat.

(** [value x] is the value of step [x]. *)
Definition apply (value : nat -> list row) (s : step) : list row :=
  match s with
  | Embed W => map (fun t => nth t (matrix (tensor W)) []) input
  | EmbedAt j W => [nth (token j) (matrix (tensor W)) []]
  | Constant W => matrix (tensor W)
  | Linear x W => map (fun r => times r (matrix (tensor W))) (value x)
  | Bias x W => map (fun r => plus r (only_row (tensor W))) (value x)
  | Times x W => map (fun r => entrywise Rmult r (only_row (tensor W))) (value x)
  | Add x y => map_rows (fun j r => plus r (nth j (value y) [])) (value x)
  | Product x y => map_rows (fun j r => entrywise Rmult r (nth j (value y) [])) (value x)
  | Activation f x => map (map (activate f)) (value x)
  | Center x => map centred (value x)
  | Rms x eps => map (rms (real eps)) (value x)
  | Attend q k v causal s m =>
      map_rows (fun j r =>
        times (softmax (map (fun key => real s / sqrt (INR m) * inner r key) (seen causal j (value k))))
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

Definition logits (P : program) (input : list nat) : list row := last (run (tensors P) input [] (steps P)) [].

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
