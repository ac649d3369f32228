(** * Rule [evaluate]: enclosures of the logits of single inputs

    Mirrors the rule [evaluate] of the Python kernel.
    The sequences of an interval are walked through as a tree: a
    row of a value is computed as soon as the tokens that it depends on are fixed
      , and serves all sequences that
    begin with them. That says how rows are shared, not what they are: each is the ball of [Enclosures]. *)

From Coq Require Import Reals ZArith List Lia Lra Bool String.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Matrices Outcome Tasks ProgramSemantics
  Balls Enclosures
  Activations Packing.
Import ListNotations.
Open Scope Z_scope.

(** ** A pass: its bits, and the tensors rounded to them *)

Record pass := Pass { value_bits : Z; weight_bits : Z; exponential_bits : Z }.

Record rounded := Rounded {
  in_values : list ball;       (* the rows, to the bits of values *)
  in_weights : list ball;      (* the rows, to the bits of weights *)
  product : packed_matrix;     (* the same without their radius *)
  product_off : Z              (* their radius *)
}.

Definition round_tensor (K : pass) (A : dyadic) : rounded :=
  Rounded (weight_balls (value_bits K) A) (weight_balls (weight_bits K) A)
          (pack_matrix (value_bits K + 10) (round_rows (weight_bits K) A)) (off (weight_bits K) A).

Record prepared := Prepared { bits_of : pass; table : list (Z * Z); rounded_tensors : list rounded }.

Definition prepare (A : list dyadic) (K : pass) : prepared :=
  Prepared K (factors (value_bits K) (exponential_bits K)) (map (round_tensor K) A).

(** ** Rows of values *)

(** What is known of a row: nothing yet, nothing ever (no logit depends on it), or its ball. *)
Inductive cell := Pending | Skipped | Known (b : ball).

Definition nowhere : ball := Ball [] 0.

Definition lift (f : ball -> ball) (c : cell) : cell :=
  match c with Known b => Known (f b) | _ => Pending end.

Definition lift2 (f : ball -> ball -> ball) (c c' : cell) : cell :=
  match c, c' with Known b, Known b' => Known (f b b') | _, _ => Pending end.

Fixpoint all_known (l : list cell) : option (list ball) :=
  match l with
  | [] => Some []
  | Known b :: rest => option_map (cons b) (all_known rest)
  | _ :: _ => None
  end.

Definition lift_all (f : list ball -> ball) (l : list cell) : cell :=
  match all_known l with Some bs => Known (f bs) | None => Pending end.

Definition no_matrix : packed_matrix := Packed [] 0 0 0 [].

Section Rows.
Variable Q : prepared.
Variable known : nat -> option nat.  (* the tokens that are fixed *)
Variable values : list (list cell).

Definition tensor_of (W : nat) : rounded := nth W (rounded_tensors Q) (Rounded [] [] no_matrix 0).
Definition cell_of (x j : nat) : cell := nth j (nth x values []) Pending.

Definition looked_up (j W : nat) : cell :=
  match known j with Some t => Known (nth t (in_values (tensor_of W)) nowhere) | None => Pending end.

(** Row [j] of the value of step [s]. *)
Definition row_of_step (s : step) (j : nat) : cell :=
  let p := value_bits (bits_of Q) in
  let w := weight_bits (bits_of Q) in
  let e := exponential_bits (bits_of Q) in
  let F := table Q in
  match s with
  | Embed W => looked_up j W
  | EmbedAt i W => looked_up i W
  | Constant W => Known (nth j (in_values (tensor_of W)) nowhere)
  | Linear x W =>
      let U := tensor_of W in
      lift (fun b => linear_ball w (mix (centres b) (product U)) (product_off U) (most (product U)) b)
        (cell_of x j)
  | Bias x W => lift (fun b => add_ball b (nth 0 (in_values (tensor_of W)) nowhere)) (cell_of x j)
  | Times x W => lift (fun b => product_ball w b (nth 0 (in_weights (tensor_of W)) nowhere)) (cell_of x j)
  | Add x y => lift2 add_ball (cell_of x j) (cell_of y j)
  | Product x y => lift2 (product_ball p) (cell_of x j) (cell_of y j)
  | Activation f x => lift (activation_ball p w e F f) (cell_of x j)
  | Center x => lift center_ball (cell_of x j)
  | Rms x eps => lift (rms_ball p eps) (cell_of x j)
  | Attend q k v causal s m =>
      match cell_of q j, all_known (seen causal j (nth k values [])) with
      | Known b, Some ks =>
          lift_all (attend_ball p e F (attention_scale e s m) b ks) (seen causal j (nth v values []))
      | _, _ => Pending
      end
  | AttendSum v causal => lift_all total_ball (seen causal j (nth v values []))
  | Rows x l => cell_of x (nth j l O)
  | Total x => lift_all total_ball (nth x values [])
  end.

(** Pending rows from number [j] on are computed where that can be done. *)
Fixpoint fill_rows (s : step) (j : nat) (old : list cell) : list cell :=
  match old with
  | [] => []
  | c :: rest => match c with Pending => row_of_step s j | _ => c end :: fill_rows s (S j) rest
  end.

End Rows.

Definition environment := list (list cell).

(** The values of the steps [ss], which come after those with the values [values]. *)
Fixpoint fill (Q : prepared) (known : nat -> option nat) (values : environment) (ss : list step)
  (old : environment) : environment :=
  match ss, old with
  | s :: ss', cells :: old' =>
      fill Q known (values ++ [fill_rows Q known values s 0 cells]) ss' old'
  | _, _ => values
  end.

(** What is known in one or the other. *)
Definition merge_cells : list cell -> list cell -> list cell :=
  zip_with (fun c c' => match c with Pending => c' | _ => c end).

Definition merge : environment -> environment -> environment := zip_with merge_cells.

(** ** Which rows the logits depend on *)

Definition row_count (A : list dyadic) (n : nat) (counts : list nat) (s : step) : nat :=
  match s with
  | Embed _ => n
  | EmbedAt _ _ => 1
  | Constant W => List.length (rows (tensor A W))
  | Linear x _ | Bias x _ | Times x _ | Add x _ | Product x _ | Activation _ x | Center x
  | Rms x _ | Attend x _ _ _ _ _ | AttendSum x _ => nth x counts O
  | Rows _ l => List.length l
  | Total _ => 1
  end.

Fixpoint row_counts (A : list dyadic) (n : nat) (counts : list nat) (ss : list step) : list nat :=
  match ss with
  | [] => counts
  | s :: rest => row_counts A n (counts ++ [row_count A n counts s]) rest
  end.

(** The rows that some row with a mark sees. *)
Definition seen_marks (causal : bool) (marks : list bool) : list bool :=
  if causal then fold_right (fun m l => (m || hd false l) :: l) [] marks
  else map (fun _ => existsb (fun m => m) marks) marks.

(** The rows of operands that a step's marked rows depend on. *)
Definition demands (counts : list nat) (s : step) (marks : list bool) : list (nat * list bool) :=
  match s with
  | Embed _ | EmbedAt _ _ | Constant _ => []
  | Linear x _ | Bias x _ | Times x _ | Activation _ x | Center x | Rms x _ => [(x, marks)]
  | Add x y | Product x y => [(x, marks); (y, marks)]
  | Attend q k v causal _ _ => [(q, marks); (k, seen_marks causal marks); (v, seen_marks causal marks)]
  | AttendSum v causal => [(v, seen_marks causal marks)]
  | Rows x l => [(x, map (fun i => existsb (fun jm => (snd jm && (fst jm =? i)%nat)%bool) (combine l marks))
                         (seq 0 (nth x counts O)))]
  | Total x => [(x, repeat (existsb (fun m => m) marks) (nth x counts O))]
  end.

Fixpoint mark (needs : list (list bool)) (x : nat) (marks : list bool) : list (list bool) :=
  match needs, x with
  | [], _ => []
  | l :: rest, O => zip_with orb l marks :: rest
  | l :: rest, S x' => l :: mark rest x' marks
  end.

(** [ss] are steps with their numbers, last first. *)
Definition mark_all (counts : list nat) (ss : list (nat * step)) (needs : list (list bool))
  : list (list bool) :=
  fold_left (fun needs s =>
      fold_left (fun needs d => mark needs (fst d) (snd d))
        (demands counts (snd s) (nth (fst s) needs [])) needs)
    ss needs.

(** Nothing is known; rows that no logit depends on are skipped. *)
Definition blank (A : list dyadic) (n : nat) (ss : list step) : environment :=
  let counts := row_counts A n [] ss in
  let numbered := combine (seq 0 (List.length ss)) ss in
  let final := (List.length ss - 1)%nat in
  let none := map (fun c => repeat false c) counts in
  let needs := mark_all counts (rev numbered) (mark none final (repeat true (nth final counts O))) in
  map (fun i => map (fun j => if nth j (nth i needs []) false then Pending else Skipped)
                  (seq 0 (nth i counts O)))
      (seq 0 (List.length counts)).

(** ** Deciding an input *)

(** Whether every centre but number [l] is below [bound]; [i] is the number of the first one. *)
Fixpoint others_below (l : nat) (bound : Z) (i : nat) (c : list Z) : bool :=
  match c with
  | [] => true
  | k :: rest => ((k <? bound) || (i =? l)%nat) && others_below l bound (S i) rest
  end.

Definition wins (l : nat) (c : cell) : bool :=
  match c with
  | Known b =>
      (l <? List.length (centres b))%nat
      && others_below l (nth l (centres b) 0 - 2 * radius b) 0 (centres b)
  | _ => false
  end.

Fixpoint all_win (ls : list nat) (cells : list cell) : bool :=
  match ls, cells with
  | [], [] => true
  | l :: ls', c :: cells' => wins l c && all_win ls' cells'
  | _, _ => false
  end.

(** ** The tree of sequences *)

Definition tokens_of (x : list nat) : nat -> option nat := nth_error x.

(** A pass that is ready for the program: what is known without any token. *)
Record stage := Stage { stage_pass : prepared; stage_base : environment }.

Definition stage_of (P : program) (K : pass) : stage :=
  let Q := prepare (tensors P) K in
  Stage Q (fill Q (fun _ => None) [] (steps P) (blank (tensors P) (List.length (token_sets P)) (steps P))).

Definition wins_in (ss : list step) (ls : list nat) (x : list nat) (S : stage) (known_rows : environment)
  : bool :=
  all_win ls (last (fill (stage_pass S) (tokens_of x) [] ss known_rows) []).

(** The tokens of a position, each with what it decides by itself, and how many ways there are to go on. *)
Record level := Level { ways : Z; choices : list (nat * environment) }.

Definition size_of_sets (sets : list (list nat)) : Z :=
  fold_right (fun l s => Z.of_nat (List.length l) * s) 1 sets.

(** [j] is the number of the first position of [sets]. *)
Fixpoint levels_of (P : program) (S : stage) (j : nat) (sets : list (list nat)) : list level :=
  match sets with
  | [] => []
  | allowed :: rest =>
      Level (size_of_sets rest)
        (map (fun t => (t, fill (stage_pass S) (fun i => if (i =? j)%nat then Some t else None) [] (steps P)
                             (stage_base S))) allowed)
      :: levels_of P S (j + 1)%nat rest
  end.

Section Tree.
Variable P : program.
Variable first_stage : stage.
Variable more_stages : list stage.

(** How many sequences from number [first] to number [last] are certified, of those that go on from [prefix]
    by a token of each level, numbered from 0. What is known is in [here] and in [alone]. *)
Fixpoint explore (levels : list level) (prefix : list nat) (here alone : environment) (first last : Z) : Z :=
  match levels with
  | [] =>
      match labels (the_task P) prefix with
      | None => 0
      | Some ls =>
          if wins_in (steps P) ls prefix first_stage (merge here alone) then 1
          else if existsb (fun S => wins_in (steps P) ls prefix S (stage_base S)) more_stages then 1 else 0
      end
  | level :: rest =>
      let here := fill (stage_pass first_stage) (tokens_of prefix) [] (steps P) (merge here alone) in
      (fix walk (l : list (nat * environment)) (first last : Z) : Z :=
         match l with
         | [] => 0
         | (t, alone) :: others =>
             (if (last <? 0) || (ways level <=? first) then 0
              else explore rest (prefix ++ [t]) here alone first last)
             + walk others (first - ways level) (last - ways level)
         end) (choices level) first last
  end.

End Tree.

(** ** The check *)

Record interval := Interval { first_code : Z; last_code : Z; claimed : Z }.

(** The most sequences that are tried for one claim, or to count the inputs. *)
Definition max_sequences : Z := 2 ^ 28.

Section Check.
Variable P : program.
Variable first_stage : stage.
Variable more_stages : list stage.
Variable levels : list level.
Variable total_codes : Z.

(** The numbers found, interval after interval, and the sum of the claims, or why the last one fails. *)
Fixpoint check_intervals (l : list interval) (done : Z) : list Z * result Z :=
  match l with
  | [] => ([], Ok 0)
  | i :: rest =>
      if negb ((done <? first_code i) && (first_code i <=? last_code i) && (last_code i <? total_codes))%bool
      then ([], Reject "expected ascending intervals of inputs")
      else if max_sequences <=? last_code i - first_code i
      then ([], Decline "more sequences than max_sequences")
      else
        let found := explore P first_stage more_stages levels []
                       (stage_base first_stage) (stage_base first_stage) (first_code i) (last_code i) in
        if found <? claimed i then ([found], Reject "claimed more than found")
        else
          let (counts, r) := check_intervals rest (last_code i) in
          (found :: counts, do sum <- r; Ok (claimed i + sum))
  end.

End Check.

Definition check_evaluate (P : program) (passes : list pass) (l : list interval) : list Z * result Z :=
  match map (stage_of P) passes with
  | [] => ([], Decline "no pass")
  | K :: more =>
      check_intervals P K more (levels_of P K 0 (token_sets P)) (size_of_sets (token_sets P)) l (-1)
  end.
