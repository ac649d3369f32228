(** The two file kinds of version 2: which bytes spell which program and which claim about one.

    Mirrors [checker/models/program.py]
      , [checker/inputs.py] and [checker/rules/certificate.py] (the formats are
    described in [docs/formats.md]).
    Both are built from the combinators of [Text], as those of version 1 are. *)

From Coq Require Import Strings.Byte String ZArith List Lia Bool Arith.
From CompactProofs Require Import Syntax Text Parser Tasks ProgramSemantics Evaluate Activations EvaluateSound.
Import ListNotations.
Local Open Scope string_scope.
Local Open Scope list_scope.
Local Open Scope Z_scope.

Local Notation "x <- f ;; g" := (followed f (fun x => g))
  (at level 61, f at next level, right associativity).
Local Notation "f ;; g" := (followed f (fun _ => g)) (at level 61, right associativity).

(** ** Small formats *)

(** *** One of several words, and the number after it

    Each word ends with the space before the number, so that none is the beginning of another. *)

(** [a] and [b] differ before either ends. *)
Fixpoint apart (a b : bytes) : bool :=
  match a, b with
  | x :: a', y :: b' => if Byte.eqb x y then apart a' b' else true
  | _, _ => false
  end.

Fixpoint all_apart (words : list bytes) : bool :=
  match words with
  | [] => true
  | w :: rest => forallb (fun v => apart w v) rest && all_apart rest
  end.

(** The number of the word that [text] begins with, and the rest; [i] is the number of the first one. *)
Fixpoint find_word (words : list bytes) (i : nat) (text : bytes) : option (nat * bytes) :=
  match words with
  | [] => None
  | w :: others =>
      match strip w text with
      | Some rest => Some (i, rest)
      | None => find_word others (S i) text
      end
  end.

Definition word_number (what : string) (words : list string) (high : Z) : format (nat * nat) :=
  let spelled := map list_byte_of_string words in
  {| parse := fun text =>
       match find_word spelled O text with
       | None => Failed what text
       | Some (i, text') =>
           match scan_integer text' with
           | Some (k, rest) =>
               if (0 <=? k) && (k <=? high) then Parsed (i, Z.to_nat k) rest
               else Failed "an integer within its limits" text'
           | None => Failed "a canonical integer of at most 800 characters" text'
           end
       end;
     print := fun ik => nth (fst ik) spelled [] ++ decimal (Z.of_nat (snd ik));
     valid := fun ik =>
       (fst ik < List.length words)%nat /\ short (Z.of_nat (snd ik)) /\ Z.of_nat (snd ik) <= high |}.

Lemma apart_strip a : forall b rest, apart a b = true -> strip a (b ++ rest) = None.
Proof.
  induction a as [|x a IH]; intros [|y b] rest H; try discriminate. simpl in *.
  destruct (Byte.eqb x y); [now apply IH|easy].
Qed.

Lemma find_word_printed words : all_apart words = true -> forall i j rest, (j < List.length words)%nat ->
  find_word words i (nth j words [] ++ rest) = Some ((i + j)%nat, rest).
Proof.
  induction words as [|w words IH]; intros A i j rest H; [simpl in H; lia|].
  simpl in A. apply andb_true_iff in A as [A1 A2]. destruct j as [|j]; cbn [nth find_word].
  - rewrite strip_app. now rewrite Nat.add_0_r.
  - simpl in H. assert (W : In (nth j words []) words) by (apply nth_In; lia).
    rewrite forallb_forall in A1. rewrite (apart_strip _ _ _ (A1 _ W)). rewrite IH by (easy || lia).
    f_equal. f_equal. lia.
Qed.

Lemma find_word_some words : forall i text j rest, find_word words i text = Some (j, rest) ->
  (i <= j < i + List.length words)%nat /\ text = nth (j - i) words [] ++ rest.
Proof.
  induction words as [|w words IH]; intros i text j rest H; [discriminate|]. cbn [find_word] in H.
  destruct (strip w text) as [r|] eqn:E.
  - injection H as <- <-. apply strip_some in E. rewrite Nat.sub_diag. simpl. split; [lia|easy].
  - apply IH in H as [H ->]. split; [cbn [List.length]; lia|].
    replace (j - i)%nat with (S (j - S i))%nat by lia. easy.
Qed.

Lemma word_number_faithful what words high :
  all_apart (map list_byte_of_string words) = true -> Forall starts_well words ->
  faithful (word_number what words high).
Proof.
  intros A W. set (spelled := map list_byte_of_string words) in *.
  assert (L : @List.length bytes spelled = List.length words) by apply map_length.
  split; unfold word_number; cbn [parse print valid]; fold spelled.
  - intros [i k] rest (Hi & Hs & Hh) S. cbn [fst snd] in *. rewrite <- app_assoc.
    rewrite find_word_printed by (easy || lia). cbn [Nat.add].
    rewrite scan_integer_printed by easy.
    destruct (Z.leb_spec 0 (Z.of_nat k)); [|lia]. destruct (Z.leb_spec (Z.of_nat k) high); [|lia].
    simpl. now rewrite Nat2Z.id.
  - intros text [i k] rest. destruct (find_word spelled O text) as [[j text']|] eqn:E; [|discriminate].
    apply find_word_some in E as [E ->]. rewrite Nat.sub_0_r.
    destruct (scan_integer text') as [[m r]|] eqn:Es; [|discriminate].
    destruct (0 <=? m) eqn:M; [|discriminate]. destruct (m <=? high) eqn:M'; [|discriminate].
    cbn [andb]. intros [= <- <- <-]. apply Z.leb_le in M, M'.
    apply scan_integer_decimal in Es as (-> & _ & Hs).
    cbn [fst snd]. rewrite Z2Nat.id by easy. rewrite <- app_assoc. split; [easy|]. split; [lia|easy].
  - intros [i k] rest (Hi & _) _. cbn [fst snd] in *. rewrite Forall_forall in W.
    assert (In (nth i words "") words) as Hw by now apply nth_In. specialize (W _ Hw).
    unfold starts_well in W. replace (nth i spelled []) with (list_byte_of_string (nth i words "")).
    + destruct (list_byte_of_string (nth i words "")); [destruct W|exact W].
    + unfold spelled. rewrite nth_indep with (d' := list_byte_of_string "") by (rewrite map_length; lia).
      symmetry. apply map_nth.
Qed.

(** *** A value that only some texts stand for *)

(** As [mapped], where [to] may fail. *)
Definition partial {A B : Type} (what : string) (to : A -> option B) (from : B
  -> A) (f : format A) : format B :=
  {| parse := fun text =>
       match parse f text with
       | Parsed a rest => match to a with Some b => Parsed b rest | None => Failed what text end
       | Failed expected at_ => Failed expected at_
       end;
     print := fun b => print f (from b);
     valid := fun b => valid f (from b) /\ to (from b) = Some b |}.

Lemma partial_faithful {A B : Type} what (to : A -> option B) (from : B -> A) (f : format A) :
  (forall a b, to a = Some b -> from b = a) -> faithful f -> faithful (partial what to from f).
Proof.
  intros I F. split; simpl.
  - intros b rest [Hv Hb] S. rewrite (parse_print f F), Hb by auto. reflexivity.
  - intros text b rest. destruct (parse f text) as [a r |] eqn:E; [| discriminate].
    destruct (to a) as [b'|] eqn:T; [|discriminate].
    intros [= <- <-]. apply (print_parse f F) in E. destruct E as [-> Va].
    rewrite (I _ _ T) by auto. auto.
  - intros b rest [Hv Hb] S. apply (print_stops f F); auto.
Qed.

(** *** Several values, each with its number *)

Fixpoint numbered {A : Type} (f : nat -> format A) (first count : nat) : format (list A) :=
  match count with
  | O => nothing []
  | S more =>
      mapped (fun first_others => match fst first_others
        with Some a => a :: snd first_others | None => [] end)
        (fun values => match values with a :: others => (Some a, others) | [] => (None, []) end)
        (some (f first) ;; numbered f (S first) more)
  end.

Lemma numbered_faithful {A : Type} (f : nat -> format A) :
  (forall i, faithful (f i)) -> forall count first, faithful (numbered f first count).
Proof.
  intros F. induction count as [|more IH]; intros first; simpl; [apply nothing_faithful|].
  apply mapped_faithful; [|auto with formats].
  intros [[a|] others] [V _]; [easy|]. destruct V.
Qed.

Lemma numbered_length {A : Type} (f : nat -> format A) count : forall first values,
  valid (numbered f first count) values -> List.length values = count.
Proof.
  induction count as [|more IH]; intros first values; simpl; [now intros ->|].
  intros [[V' V] _]. destruct values as [|a others]; [destruct V'|]. simpl. f_equal.
  apply (IH (S first)). exact V.
Qed.

(** *** Sizes and switches *)

Definition max_size : Z := 4096.
Definition max_token : Z := 4095.
Definition max_parameter : Z := 2147483647.
Definition max_parameters : Z := 1048576.
Definition max_tensors : Z := 1024.
Definition max_steps : Z := 1024.
Definition max_divisor : Z := 1048576.

(** A list that has its length before it. *)
Definition sizes_list (before : byte) (low : Z) (high : Z) (most : Z) : format (list nat) :=
  counted before low (Some high) (size 0 most).

Definition causal_format : format bool :=
  mapped (fun full => match full with None => true | Some _ => false end)
    (fun causal => if causal then None else Some tt)
    (optional " causal" (literal " full")).

Lemma causal_faithful : faithful causal_format.
Proof.
  apply mapped_faithful; [now intros [[]|] _|].
  apply optional_faithful; [reflexivity|auto with formats|reflexivity].
Qed.

(** mantissa * 2^power, the mantissa odd. *)
Definition scalar_format (low : option Z) : format scalar :=
  mapped (fun mp => Scalar (fst mp) (snd mp)) (fun n => (mantissa n, power n))
    (guarded "an odd number" (fun mp => Z.odd (fst mp))
      (integer space low None ;; integer space (Some (- max_exponent)) (Some max_exponent))).

Lemma scalar_faithful low : faithful (scalar_format low).
Proof.
  apply mapped_faithful; [now intros [m e] _|]. auto with formats.
Qed.

(** ** Tasks *)

Definition task_fits (n : nat) (t : task) : bool :=
  rule_fits (task_rule t) (List.length (looks_at t))
  && negb (List.length (looks_at t) =? 0)%nat && forallb (fun j => j <? n)%nat (looks_at t).

Definition task_format : format task :=
  partial "parameters that fit the task" decode_task encode_task (
    after (line "task ") (
      mapped (fun '((i, _), l) => (i, l)) (fun il => ((fst il, List.length (snd il)), snd il))
        (ic <- word_number "a task" rule_words max_parameters ;;
         repeated (Z.of_nat (snd ic)) (size 0 max_parameter)))).

Lemma task_faithful : faithful task_format.
Proof.
  apply partial_faithful; [apply decode_encode|]. apply after_faithful; [reflexivity|].
  apply mapped_faithful.
  - intros [[i c] l] [_ [V _]]. cbn [fst snd] in *. f_equal. f_equal. lia.
  - apply followed_faithful; [|auto with formats].
    apply word_number_faithful; [reflexivity|]. repeat constructor.
Qed.

(** ** Steps *)

Definition step_words : list string :=
  map line (["embed "; "embed_at "; "constant "; "linear "; "bias "; "times "; "add "; "product "; "center ";
             "rms "; "attend "; "attend_sum "; "rows "; "total "] ++ map activation_word activations).

(** The number of the step's word, and its first operand. *)
Definition step_head (s : step) : nat * nat :=
  match s with
  | Embed W => (0, W)
  | EmbedAt j _ => (1, j)
  | Constant W => (2, W)
  | Linear x _ => (3, x)
  | Bias x _ => (4, x)
  | Times x _ => (5, x)
  | Add x _ => (6, x)
  | Product x _ => (7, x)
  | Center x => (8, x)
  | Rms x _ => (9, x)
  | Attend q _ _ _ _ _ => (10, q)
  | AttendSum v _ => (11, v)
  | Rows x _ => (12, x)
  | Total x => (13, x)
  | Activation f x => (14 + activation_number f, x)
  end%nat.

Definition operand : format nat := size 0 max_size.

(** The step that begins so. *)
Definition step_rest (i x : nat) : format step :=
  match i with
  | 0 => nothing (Embed x)
  | 1 => mapped (EmbedAt x) (fun s => match s with EmbedAt _ W => W | _ => O end) operand
  | 2 => nothing (Constant x)
  | 3 => mapped (Linear x) (fun s => match s with Linear _ W => W | _ => O end) operand
  | 4 => mapped (Bias x) (fun s => match s with Bias _ W => W | _ => O end) operand
  | 5 => mapped (Times x) (fun s => match s with Times _ W => W | _ => O end) operand
  | 6 => mapped (Add x) (fun s => match s with Add _ y => y | _ => O end) operand
  | 7 => mapped (Product x) (fun s => match s with Product _ y => y | _ => O end) operand
  | 8 => nothing (Center x)
  | 9 => mapped (Rms x) (fun s => match s
    with Rms _ eps => eps | _ => Scalar 0 0 end) (scalar_format (Some 1%Z))
  | 10 =>
      mapped (fun '(k, (v, (causal, (s, m)))) => Attend x k v causal s m)
        (fun s => match s with
                  | Attend _ k v causal s m => (k, (v, (causal, (s, m))))
                  | _ => (O, (O, (false, (Scalar 0 0, O))))
                  end)
        (operand ;; operand ;; causal_format ;; scalar_format None ;; size 1 max_divisor)
  | 11 => mapped (AttendSum x) (fun s => match s
    with AttendSum _ causal => causal | _ => false end) causal_format
  | 12 => mapped (Rows x) (fun s => match s with Rows _ l => l | _ => [] end)
            (sizes_list space 1 max_size max_size)
  | 13 => nothing (Total x)
  | _ => nothing (Activation (nth (i - 14) activations Relu) x)
  end%nat.

Definition step_format : format step :=
  mapped snd (fun s => (step_head s, s))
    (h <- word_number "a step" step_words max_size ;; step_rest (fst h) (snd h)).

Lemma step_rest_faithful i x : faithful (step_rest i x).
Proof.
  destruct i as [|[|[|[|[|[|[|[|[|[|[|[|[|[|i]]]]]]]]]]]]]]; cbn [step_rest];
    unfold operand, sizes_list; auto with formats;
    try (apply mapped_faithful; [reflexivity|auto using scalar_faithful, causal_faithful with formats]).
  apply mapped_faithful; [now intros [k [v [c [s m]]]] _|].
  auto 10 using scalar_faithful, causal_faithful with formats.
Qed.

Lemma step_rest_head i x s : (i < List.length step_words)%nat -> valid (step_rest i x) s ->
  step_head s = (i, x).
Proof.
  intros H. destruct (Nat.lt_ge_cases i 14) as [I|I].
  - clear H. destruct i as [|[|[|[|[|[|[|[|[|[|[|[|[|[|i]]]]]]]]]]]]]]; try lia;
      cbn -[operand scalar_format causal_format sizes_list size];
      try (intros ->; reflexivity); try (intros [_ <-]; reflexivity).
    intros [_ E]. destruct s; try discriminate E; now injection E as <-.
  - unfold step_words in H. rewrite map_length, app_length, map_length in H. cbn [List.length Nat.add] in H.
    replace i with (14 + (i - 14))%nat in * by lia. set (k := (i - 14)%nat) in *. clearbody k.
    assert (E : step_rest (14 + k) x = nothing (Activation (nth k activations Relu) x)).
    { change (step_rest (14 + k) x) with (nothing (Activation (nth (14 + k - 14) activations Relu) x)).
      now replace (14 + k - 14)%nat with k by lia. }
    rewrite E. intros ->. cbn [step_head]. rewrite activation_number_nth; [easy|lia].
Qed.

Lemma step_faithful : faithful step_format.
Proof.
  apply mapped_faithful.
  - intros [[i x] s] [(Hi & _) V]. cbn [fst snd] in *. f_equal. now apply step_rest_head.
  - apply followed_faithful; [|intros; apply step_rest_faithful].
    apply word_number_faithful; [reflexivity|]. repeat constructor.
Qed.

(** ** Tensors and token sets *)

Definition tensor_format (i : nat) : format dyadic :=
  after (line "tensor") (
    guarded "a tensor with a canonical exponent" canonical_exponent (
      mapped (fun '(_, (_, (_, (e, entries)))) => Dyadic entries e)
        (fun A => (tt, (List.length (rows A), (List.length (hd [] (rows A)), (exponent A, rows A)))))
        (exactly (Z.of_nat i) ;;
         m <- size 1 max_size ;;
         n <- size 1 max_size ;;
         integer space (Some (- max_exponent)) (Some max_exponent) ;;
         repeated (Z.of_nat m) (line_of_integers (Z.of_nat n) None None)))).

Lemma valid_line_length n l : (1 <= n)%nat -> valid (line_of_integers (Z.of_nat n) None None) l ->
  List.length l = n.
Proof. intros N V. now apply valid_line in V. Qed.

Lemma tensor_format_faithful i : faithful (tensor_format i).
Proof.
  apply after_faithful; [reflexivity|]. apply guarded_faithful, mapped_faithful; [|auto 20 with formats].
  intros [[] [m [n [e entries]]]] (_ & Vm & Vn & _ & L & F). cbn [fst snd] in *. cbn [rows exponent].
  assert (M : (1 <= m)%nat) by (destruct Vm as [(_ & H & _) _]; simpl in H; apply Z.leb_le in H; lia).
  assert (N : (1 <= n)%nat) by (destruct Vn as [(_ & H & _) _]; simpl in H; apply Z.leb_le in H; lia).
  destruct F as [|l entries Hl F]; [simpl in L; lia|].
  apply valid_line_length in Hl; [|easy]. cbn [hd]. rewrite Hl. repeat f_equal. lia.
Qed.

Fixpoint ascending_tokens (l : list nat) : bool :=
  match l with
  | a :: (b :: _) as others => (a <? b)%nat && ascending_tokens others
  | _ => true
  end.

Definition token_set_format : format (list nat) :=
  guarded "ascending tokens" ascending_tokens (sizes_list newline 1 (max_token + 1) max_token).

Lemma token_set_faithful : faithful token_set_format.
Proof. unfold token_set_format, sizes_list. auto with formats. Qed.

(** ** Shapes *)

(** Rows and columns of a matrix. *)
Definition shape_of (A : dyadic) : nat * nat := (List.length (rows A), List.length (hd [] (rows A))).

Definition same_shape (a b : nat * nat) : bool := ((fst a =? fst b) && (snd a =? snd b))%nat.

Section Shapes.
Variable P : program.

Definition tensor_shape (W : nat) : option (nat * nat) := option_map shape_of (nth_error (tensors P) W).

Definition below (n : nat) (tokens : list nat) : bool := forallb (fun t => t <? n)%nat tokens.

Definition needs (test : bool) (shape : nat * nat) : option (nat * nat) := if test then Some shape else None.

(** Rows and columns of the value of step [s], if its operands fit; [shapes] are those of the steps before. *)
Definition step_shape (shapes : list (nat * nat)) (s : step) : option (nat * nat) :=
  let value x f := match nth_error shapes x with Some a => f a | None => None end in
  let weights W f := match tensor_shape W with Some a => f a | None => None end in
  match s with
  | Embed W =>
      weights W (fun a => needs (forallb (below (fst a)) (token_sets P)) (List.length (token_sets P), snd a))
  | EmbedAt j W =>
      weights W (fun a => match nth_error (token_sets P) j with
                          | Some tokens => needs (below (fst a) tokens) (1, snd a)
                          | None => None
                          end)
  | Constant W => weights W Some
  | Linear x W => value x (fun a => weights W (fun b => needs (snd a =? fst b) (fst a, snd b)))
  | Bias x W | Times x W => value x (fun a => weights W (fun b => needs (same_shape b (1, snd a)) a))
  | Add x y | Product x y => value x (fun a => value y (fun b => needs (same_shape a b) a))
  | Activation _ x | Center x | Rms x _ => value x Some
  | Attend q k v _ _ _ =>
      value q (fun a => value k (fun b => value v (fun c => needs (same_shape a b && (fst a =? fst c)) c)))
  | AttendSum v _ => value v Some
  | Rows x l => value x (fun a => needs (below (fst a) l) (List.length l, snd a))
  | Total x => value x (fun a => Some (1, snd a))
  end%nat.

(** The shapes of all values, none of more than [max_size] rows. *)
Fixpoint all_shapes (shapes : list (nat * nat)) (ss : list step) : option (list (nat * nat)) :=
  match ss with
  | [] => Some shapes
  | s :: rest =>
      match step_shape shapes s with
      | Some a => if Z.of_nat (fst a) <=? max_size then all_shapes (shapes ++ [a]) rest else None
      | None => None
      end
  end.

Definition shapes_fit : bool :=
  match all_shapes [] (steps P) with Some _ => true | None => false end.

End Shapes.

(** ** The whole model *)

Definition program_start : string := "compact-proofs-model 2".

Definition program_format : format program :=
  guarded "a task and steps that fit"
    (fun P => task_fits (List.length (token_sets P)) (the_task P) && shapes_fit P) (
    mapped (fun '(t, (sets, (weights, (ss, _)))) => Program t sets weights ss)
      (fun P => (the_task P, (token_sets P, (tensors P, (steps P, tt)))))
      (after program_start task_format ;;
       after (line "positions") (counted space 1 (Some max_positions) token_set_format) ;;
       after (line "tensors") (
         mapped snd (fun l => (List.length l, l)) (c <- size 0 max_tensors ;; numbered tensor_format 0 c)) ;;
       after (line "steps") (counted space 1 (Some max_steps) step_format) ;;
       literal (line "end" ++ line "")%string)).

Lemma program_faithful : faithful program_format.
Proof.
  apply guarded_faithful, mapped_faithful; [now intros [t [sets [weights [ss []]]]] _|].
  repeat (apply followed_faithful; intros);
    auto using task_faithful, token_set_faithful, step_faithful with formats.
  apply after_faithful; [reflexivity|]. apply mapped_faithful.
  - intros [c l] [_ V]. cbn [fst snd] in *. f_equal. now apply numbered_length in V.
  - apply followed_faithful; [auto with formats|]. intros c _.
    apply numbered_faithful, tensor_format_faithful.
Qed.

Definition read_program (text : bytes) : reading program := parse_all program_format text.

Definition parse_program (text : bytes) : option program :=
  match read_program text with Parsed P _ => Some P | Failed _ _ => None end.

Definition print_program (P : program) : bytes := print program_format P.

(** Which programs have a text. *)
Definition spelled_program (P : program) : Prop := valid program_format P.

Theorem parse_print_program P : spelled_program P -> parse_program (print_program P) = Some P.
Proof.
  intros V. unfold parse_program, read_program, print_program.
  rewrite parse_all_print; auto using program_faithful.
Qed.

(** What soundness needs of a program. *)
Lemma valid_size_least low high k : valid (size low high) k -> low <= Z.of_nat k.
Proof. intros [(_ & H & _) _]. now apply Z.leb_le in H. Qed.

Lemma valid_step_ok s : valid step_format s -> step_ok s.
Proof.
  intros [[_ V] _]. destruct s; try exact I; cbn [step_head fst snd step_rest] in V; destruct V as [V _].
  - destruct V as [[[(_ & V & _) _] _] _]. cbn [fst] in V. apply Z.leb_le in V. cbn [step_ok]. lia.
  - destruct V as (_ & _ & _ & _ & V). apply valid_size_least in V. cbn [snd fst] in V. cbn [step_ok]. lia.
Qed.

Lemma ascending_tokens_distinct l : ascending_tokens l = true -> NoDup l.
Proof.
  assert (G : forall l, ascending_tokens l = true -> forall a, In a (tl l) -> (hd O l < a)%nat).
  { clear l. induction l as [|a [|b l] IH]; intros H c Hc; try destruct Hc.
    - subst. cbn [hd]. cbn [ascending_tokens] in H. apply andb_true_iff in H as [H _].
      now apply Nat.ltb_lt in H.
    - cbn [ascending_tokens] in H. apply andb_true_iff in H as [H H']. apply Nat.ltb_lt in H.
      specialize (IH H' c H0). cbn [hd] in *. lia. }
  induction l as [|a l IH]; intros H; constructor.
  - intros Ha. specialize (G _ H a Ha). cbn [hd] in G. lia.
  - apply IH. destruct l; [easy|]. cbn [ascending_tokens] in H. now apply andb_true_iff in H as [_ H].
Qed.

Lemma spelled_program_ok P : spelled_program P -> well_formed_program P.
Proof.
  intros [[V _] _]. destruct V as (_ & V & _ & W & _). cbn [fst snd] in V, W.
  destruct V as [[_ [_ V]] _], W as [[_ [_ W]] _]. cbn [fst snd] in V, W. split.
  - eapply Forall_impl; [|exact W]. apply valid_step_ok.
  - eapply Forall_impl; [|exact V]. intros l [_ H]. now apply ascending_tokens_distinct.
Qed.

Theorem parse_program_sound text P :
  parse_program text = Some P -> text = print_program P /\ spelled_program P /\ well_formed_program P.
Proof.
  unfold parse_program, read_program. destruct (parse_all _ _) as [P' rest |] eqn:E; [| discriminate].
  intros [= <-]. apply print_parse_all in E; auto using program_faithful. destruct E as [-> V].
  split; [easy|]. split; [easy|]. now apply spelled_program_ok.
Qed.

(** ** Certificates *)

(** At least [claim_correct] inputs are correct, by the rule [evaluate]. *)
Record claim := Claim {
  claim_sha256 : string;
  claim_correct : Z;
  passes : list pass;
  intervals : list interval
}.

Definition max_passes : Z := 8.
Definition max_intervals : Z := 65536.
Definition max_value_bits : Z := 256.
Definition max_weight_bits : Z := 512.

Definition pass_format : format pass :=
  mapped (fun '(p, (w, e)) => Pass p w e)
    (fun K => (value_bits K, (weight_bits K, Evaluate.exponential_bits K)))
    (p <- integer newline (Some 1) (Some max_value_bits) ;;
     integer space (Some 1) (Some max_weight_bits) ;;
     integer space (Some p) (Some max_weight_bits)).

Definition interval_format : format interval :=
  mapped (fun '(a, (b, c)) => Interval a b c)
    (fun i => (first_code i, (last_code i, claimed i)))
    (integer newline (Some 0) None ;; integer space (Some 0) None ;; integer space (Some 0) None).

Definition claim_format : format claim :=
  mapped (fun '(s, (c, (ps, (is, _)))) => Claim s c ps is)
    (fun C => (claim_sha256 C, (claim_correct C, (passes C, (intervals C, tt)))))
    (after "compact-proofs-certificate 2" sha256_format ;;
     after (line "correct") (integer space (Some 0) None) ;;
     after (line "rule evaluate") (after (line "passes") (counted space 1 (Some max_passes) pass_format)) ;;
     after (line "intervals") (counted space 0 (Some max_intervals) interval_format) ;;
     literal (line "end" ++ line "")%string).

Lemma pass_faithful : faithful pass_format.
Proof. apply mapped_faithful; [now intros [p [w e]] _|]. auto with formats. Qed.

Lemma interval_faithful : faithful interval_format.
Proof. apply mapped_faithful; [now intros [a [b c]] _|]. auto with formats. Qed.

Lemma claim_faithful : faithful claim_format.
Proof.
  apply mapped_faithful; [now intros [s [c [ps [is []]]]] _|].
  auto 20 using sha256_faithful, pass_faithful, interval_faithful with formats.
Qed.

Definition read_claim (text : bytes) : reading claim := parse_all claim_format text.

Definition parse_claim (text : bytes) : option claim :=
  match read_claim text with Parsed C _ => Some C | Failed _ _ => None end.

Definition print_claim (C : claim) : bytes := print claim_format C.

(** Which claims have a text. *)
Definition spelled_claim (C : claim) : Prop := valid claim_format C.

Theorem parse_print_claim C : spelled_claim C -> parse_claim (print_claim C) = Some C.
Proof.
  intros V. unfold parse_claim, read_claim, print_claim. rewrite parse_all_print; auto using claim_faithful.
Qed.

Theorem parse_claim_sound text C :
  parse_claim text = Some C -> text = print_claim C /\ spelled_claim C.
Proof.
  unfold parse_claim, read_claim. destruct (parse_all _ _) as [C' rest |] eqn:E; [| discriminate].
  intros [= <-]. apply print_parse_all in E; auto using claim_faithful.
Qed.

Lemma spelled_claim_passes C : spelled_claim C -> Forall pass_ok (passes C).
Proof.
  intros [V _]. destruct V as (_ & _ & V & _). cbn [fst snd] in V. destruct V as [[_ [_ V]] _].
  cbn [fst snd] in V. eapply Forall_impl; [|exact V]. intros K [(A & _ & B) _].
  cbn [fst snd] in A, B. destruct A as (_ & A & _), B as (_ & B & _). apply Z.leb_le in A, B.
  unfold pass_ok. lia.
Qed.
