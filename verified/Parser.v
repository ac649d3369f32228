(** The two file kinds: which bytes spell which model and which certificate.

    Mirrors [checker/models/attention_only.py] and [checker/certificate_file.py] (the formats are described in
    [docs/formats.md]). Both are built from the combinators of [Text], so that parsing and printing are
    inverse by construction; [well_formed_model] says in plain words which models have a text. *)

From Coq Require Import Strings.Byte String ZArith List Lia Bool.
From CompactProofs Require Import Syntax Text.
Import ListNotations.
Local Open Scope string_scope.
Local Open Scope list_scope.
Local Open Scope Z_scope.

(** ** Small formats *)

Local Notation "x <- f ;; g" := (followed f (fun x => g))
  (at level 61, f at next level, right associativity).
Local Notation "f ;; g" := (followed f (fun _ => g)) (at level 61, right associativity).

Definition line (what : string) : string := String.String (Ascii.ascii_of_byte newline) what.

(** A number that sizes a list, as [nat]. *)
Definition size (low high : Z) : format nat :=
  mapped Z.to_nat Z.of_nat (integer space (Some low) (Some high)).

(** The number [k] and no other. *)
Definition exactly (k : Z) : format unit :=
  mapped (fun _ => tt) (fun _ => k) (integer space (Some k) (Some k)).

(** Nothing, which stands for the value [a]. *)
Definition nothing {A : Type} (a : A) : format A :=
  {| parse := fun text => Parsed a text; print := fun _ => []; valid := fun b => b = a |}.

(** The number of values, from [low] to [high], and the values. *)
Definition counted {A : Type} (before : byte) (low : Z) (high : option Z) (f : format A)
  : format (list A) :=
  mapped snd (fun values => (Z.of_nat (List.length values), values))
    (n <- integer before (Some low) high ;; repeated n f).

(** A value that is there. *)
Definition some {A : Type} (f : format A) : format (option A) :=
  {| parse := fun text =>
       match parse f text with
       | Parsed a rest => Parsed (Some a) rest
       | Failed expected at_ => Failed expected at_
       end;
     print := fun value => match value with Some a => print f a | None => [] end;
     valid := fun value => match value with Some a => valid f a | None => False end |}.

Lemma size_faithful low high : 0 <= low -> faithful (size low high).
Proof.
  intros L. apply mapped_faithful; [| apply integer_faithful; reflexivity].
  intros k (_ & H & _). simpl in H. apply Z2Nat.id. lia.
Qed.

Lemma exactly_faithful k : faithful (exactly k).
Proof.
  apply mapped_faithful; [| apply integer_faithful; reflexivity].
  intros j (_ & H & H'). simpl in *. lia.
Qed.

Lemma nothing_faithful {A : Type} (a : A) : faithful (nothing a).
Proof.
  split; simpl.
  - intros b rest -> _. reflexivity.
  - intros text b rest [= <- <-]. auto.
  - auto.
Qed.

Lemma counted_faithful {A : Type} before low high (f : format A) :
  digit_value before = None -> 0 <= low -> faithful f -> faithful (counted before low high f).
Proof.
  intros D L F. apply mapped_faithful.
  - intros [n values] [(_ & H & _) [E _]]. simpl in *. rewrite E. f_equal. lia.
  - apply followed_faithful; [apply integer_faithful, D | intros; apply repeated_faithful, F].
Qed.

Lemma some_faithful {A : Type} (f : format A) : faithful f -> faithful (some f).
Proof.
  intros F. split; simpl.
  - intros [a |] rest V St; [| destruct V]. rewrite (parse_print f F) by auto. reflexivity.
  - intros text value rest. destruct (parse f text) eqn:E; [| discriminate].
    intros [= <- <-]. apply (print_parse f F), E.
  - intros [a |] rest V St; [| destruct V]. apply (print_stops f F); auto.
Qed.

Create HintDb formats.
#[export] Hint Resolve followed_faithful after_faithful literal_faithful guarded_faithful
  repeated_faithful integers_faithful line_of_integers_faithful exactly_faithful nothing_faithful
  some_faithful : formats.
#[export] Hint Extern 1 (faithful (integer _ _ _)) => apply integer_faithful; reflexivity : formats.
#[export] Hint Extern 1 (faithful (size _ _)) => apply size_faithful; lia : formats.
#[export] Hint Extern 1 (faithful (counted _ _ _ _)) =>
  apply counted_faithful; [reflexivity | lia |] : formats.
#[export] Hint Extern 1 (starts_well _) => reflexivity : formats.

(** ** Models *)

Definition max_vocabulary : Z := 1024.
Definition max_positions : Z := 256.
Definition max_width : Z := 1024.
Definition max_exponent : Z := 2200.

(** The exponent is as large as it can be, and 0 for a matrix of zeros. *)
Definition canonical_exponent (A : dyadic) : bool :=
  if forallb (forallb (Z.eqb 0)) (rows A) then exponent A =? 0
  else existsb (existsb Z.odd) (rows A).

Definition tensor (name : string) (m n : nat) : format dyadic :=
  after (line "tensor " ++ name)%string (
    guarded "a tensor with a canonical exponent" canonical_exponent (
      mapped (fun '(_, (_, (e, entries))) => Dyadic entries e)
        (fun A => (tt, (tt, (exponent A, rows A))))
        (exactly (Z.of_nat m) ;;
         exactly (Z.of_nat n) ;;
         integer space (Some (- max_exponent)) (Some max_exponent) ;;
         repeated (Z.of_nat m) (line_of_integers (Z.of_nat n) None None)))).

(** Positions, vocabulary, outputs, width, head width. *)
Definition sizes : Type := nat * (nat * (nat * (nat * nat))).

Definition sizes_format : format sizes :=
  guarded "at least as many outputs as tokens in the vocabulary"
    (fun '(_, (v, (o, _))) => (v <=? o)%nat)
    (after "compact-proofs-model 1" (
     after (line "architecture attention-only") (
     after (line "layers 1") (
     after (line "heads 1") (
     after (line "biases 0") (
     after (line "positions") (size 2 max_positions) ;;
     after (line "vocabulary") (size 1 max_vocabulary) ;;
     after (line "outputs") (size 1 max_vocabulary) ;;
     after (line "width") (size 1 max_width) ;;
     after (line "head_width") (size 1 max_width))))))).

Definition weights : Type :=
  dyadic * (dyadic * (dyadic * (dyadic * (dyadic * (dyadic * (dyadic * unit)))))).

Definition weights_format '((n, (v, (o, (d, h)))) : sizes) : format weights :=
  after (line "task max") (
    tensor "W_E" v d ;;
    tensor "W_pos" n d ;;
    tensor "W_Q" d h ;;
    tensor "W_K" d h ;;
    tensor "W_V" d h ;;
    tensor "W_O" h d ;;
    tensor "W_U" d o ;;
    literal (line "end" ++ line "")%string).

Definition model_format : format model :=
  mapped
    (fun '((n, (v, (o, (d, h)))), (e, (pos, (q, (k, (val, (out, (u, _))))))))
       => Model v o n d h e pos q k val out u)
    (fun M =>
       ((positions M, (vocabulary M, (outputs M, (width M, head_width M)))),
        (W_E M, (W_pos M, (W_Q M, (W_K M, (W_V M, (W_O M, (W_U M, tt)))))))))
    (s <- sizes_format ;; weights_format s).

Lemma tensor_faithful name m n : faithful (tensor name m n).
Proof.
  apply after_faithful; [reflexivity |]. apply guarded_faithful, mapped_faithful; [| auto 10 with formats].
  intros [[] [[] [e entries]]] _. reflexivity.
Qed.

#[export] Hint Resolve tensor_faithful : formats.

Lemma model_faithful : faithful model_format.
Proof.
  apply mapped_faithful.
  - intros [[n [v [o [d h]]]] [e [pos [q [k [val [out [u []]]]]]]]] _. reflexivity.
  - apply followed_faithful.
    + unfold sizes_format. auto 20 with formats.
    + intros [n [v [o [d h]]]] _. unfold weights_format. auto 20 with formats.
Qed.

(** The model that a text denotes, or what was expected where reading stopped. *)
Definition read_model (text : bytes) : reading model := parse_all model_format text.

Definition parse_model (text : bytes) : option model :=
  match read_model text with Parsed M _ => Some M | Failed _ _ => None end.

Definition print_model (M : model) : bytes := print model_format M.

(** What a model needs to have a text, beside being well formed: the limits of the file format, and one
    choice of exponents. *)
Definition spelled (A : dyadic) : Prop :=
  - max_exponent <= exponent A <= max_exponent /\
  Forall (Forall short) (rows A) /\
  canonical_exponent A = true.

Record within_limits (M : model) : Prop := {
  limit_positions : Z.of_nat (positions M) <= max_positions;
  limit_outputs : Z.of_nat (outputs M) <= max_vocabulary;
  limit_width : Z.of_nat (width M) <= max_width;
  limit_head_width : Z.of_nat (head_width M) <= max_width;
  spelled_weights :
    Forall spelled [W_E M; W_pos M; W_Q M; W_K M; W_V M; W_O M; W_U M]
}.

Lemma short_million k : -1000000 <= k <= 1000000 -> short k.
Proof.
  intros H. unfold short. assert (1000000 < limit_799); [| lia].
  Transparent limit_799. unfold limit_799. Opaque limit_799.
  change 1000000 with (10 ^ 6). apply Z.pow_lt_mono_r; lia.
Qed.

Lemma valid_size low high k :
  0 <= low -> high <= 1000000 ->
  valid (size low high) k <-> low <= Z.of_nat k <= high.
Proof.
  intros L H. simpl. rewrite Nat2Z.id, !Z.leb_le. split; [intuition |].
  intros K. repeat split; try apply short_million; lia.
Qed.

Lemma valid_line n l : (1 <= n)%nat ->
  valid (line_of_integers (Z.of_nat n) None None) l <-> List.length l = n /\ Forall short l.
Proof.
  intros N. destruct l as [| k l]; simpl.
  - split; [intros [_ E]; discriminate E | intros [E _]; lia].
  - rewrite Forall_cons_iff.
    assert (forall l, Forall (fun k => short k /\ true = true /\ true = true) l <-> Forall short l) as E.
    { clear. intros l. split; apply Forall_impl; intuition. }
    rewrite E. intuition lia.
Qed.

Lemma valid_tensor name m n A :
  (1 <= n)%nat -> Z.of_nat n <= max_vocabulary -> Z.of_nat m <= max_vocabulary ->
  valid (tensor name m n) A <-> has_shape A m n /\ spelled A.
Proof.
  unfold max_vocabulary. intros N N' M. unfold has_shape, spelled.
  assert (forall l, Forall (valid (line_of_integers (Z.of_nat n) None None)) l <->
    Forall (fun row => List.length row = n) l /\ Forall (Forall short) l) as E.
  { intros l. rewrite <- Forall_and_iff || idtac. 
    induction l as [| row l IH]; [intuition constructor |].
    rewrite !Forall_cons_iff, IH, valid_line by lia. intuition. }
  destruct A as [entries e]. cbn -[line_of_integers Z.of_nat canonical_exponent max_exponent].
  rewrite E, !Z.leb_le.
  assert (- max_exponent <= e <= max_exponent -> short e) as Se.
  { unfold max_exponent. intros H. apply short_million. lia. }
  pose proof (short_million (Z.of_nat m) ltac:(lia)).
  pose proof (short_million (Z.of_nat n) ltac:(lia)).
  intuition lia.
Qed.

Lemma valid_model M : valid model_format M <-> well_formed M /\ within_limits M.
Proof.
  destruct M as [v o n d h e pos q k val out u].
  unfold model_format, sizes_format, weights_format.
  cbn -[tensor size max_positions max_vocabulary max_width Nat.leb].
  rewrite !valid_size by (unfold max_positions, max_vocabulary, max_width; lia).
  rewrite Nat.leb_le.
  assert (max_positions <= max_vocabulary /\ max_width <= max_vocabulary) as [LP LW]
    by (unfold max_positions, max_vocabulary, max_width; lia).
  split.
  - intros ((((Hn & Hv & Ho & Hd & Hh) & Hvo) & He & Hpos & Hq & Hk & Hval & Hout & Hu & _) & _).
    apply valid_tensor in He, Hpos, Hq, Hk, Hval, Hout, Hu; try lia.
    repeat match goal with H : _ /\ _ |- _ => destruct H end.
    split; constructor; cbn -[max_positions max_vocabulary max_width];
      auto 10; lia.
  - intros [[Hn Hv Hd Hh Hvo He Hpos Hq Hk Hval Hout Hu] [Ln Lo Ld Lh Ls]].
    cbn [vocabulary outputs positions width head_width W_E W_pos W_Q W_K W_V W_O W_U] in *.
    repeat match goal with H : Forall spelled (_ :: _) |- _ => inversion H; clear H; subst end.
    rewrite !valid_tensor by lia.
    repeat match goal with |- _ /\ _ => split end; auto; lia.
Qed.

(** Every model has one text, and a text has at most one model. *)
Theorem parse_print_model M :
  well_formed M -> within_limits M -> parse_model (print_model M) = Some M.
Proof.
  intros W L. unfold parse_model, read_model, print_model.
  rewrite parse_all_print; auto using model_faithful. apply valid_model. auto.
Qed.

Theorem parse_model_sound text M :
  parse_model text = Some M -> text = print_model M /\ well_formed M /\ within_limits M.
Proof.
  unfold parse_model, read_model. destruct (parse_all _ _) as [M' rest |] eqn:E; [| discriminate].
  intros [= <-]. apply print_parse_all in E; auto using model_faithful.
  rewrite valid_model in E. exact E.
Qed.

(** ** Certificates *)

Definition max_bits : Z := 512.
Definition max_exponential_bits : Z := 4096.
Definition max_partitions : Z := 4096.
Definition max_checks : Z := 4096.

(** *** The hash of the model: 64 lower-case hexadecimal digits *)

Definition is_hexadecimal (b : byte) : bool :=
  match b with
  | "a" | "b" | "c" | "d" | "e" | "f" => true
  | _ => match digit_value b with Some _ => true | None => false end
  end%byte.

Fixpoint take_hexadecimal (count : nat) (text : bytes) : option (bytes * bytes) :=
  match count, text with
  | O, _ => Some ([], text)
  | S count, b :: rest =>
      if is_hexadecimal b then
        match take_hexadecimal count rest with
        | Some (taken, rest') => Some (b :: taken, rest')
        | None => None
        end
      else None
  | S _, [] => None
  end.

Lemma take_hexadecimal_app taken : forall rest,
  forallb is_hexadecimal taken = true ->
  take_hexadecimal (List.length taken) (taken ++ rest) = Some (taken, rest).
Proof.
  induction taken as [| b taken IH]; intros rest; simpl; auto.
  rewrite andb_true_iff. intros [-> H]. rewrite IH; auto.
Qed.

Lemma take_hexadecimal_some count : forall text taken rest,
  take_hexadecimal count text = Some (taken, rest) ->
  text = taken ++ rest /\ List.length taken = count /\ forallb is_hexadecimal taken = true.
Proof.
  induction count as [| count IH]; intros text taken rest; simpl.
  - intros [= <- <-]. auto.
  - destruct text as [| b text]; [discriminate |].
    destruct (is_hexadecimal b) eqn:Hb; [| discriminate].
    destruct (take_hexadecimal count text) as [[t r] |] eqn:E; [| discriminate].
    intros [= <- <-]. apply IH in E. destruct E as (-> & <- & H). simpl. rewrite Hb. auto.
Qed.

Definition sha256_format : format string :=
  let before := list_byte_of_string (line "model ") in
  {| parse := fun text =>
       match strip before text with
       | None => Failed (line "model ") text
       | Some rest =>
           match take_hexadecimal 64 rest with
           | None => Failed "64 lower-case hexadecimal digits" rest
           | Some (taken, rest') => Parsed (string_of_list_byte taken) rest'
           end
       end;
     print := fun s => before ++ list_byte_of_string s;
     valid := fun s =>
       List.length (list_byte_of_string s) = 64%nat /\
       forallb is_hexadecimal (list_byte_of_string s) = true |}.

Lemma sha256_faithful : faithful sha256_format.
Proof.
  split; unfold sha256_format; cbn [parse print valid].
  - intros s rest [L H] St. rewrite <- app_assoc, strip_app, <- L, take_hexadecimal_app by auto.
    rewrite string_of_list_byte_of_string. reflexivity.
  - intros text s rest. destruct (strip _ text) as [r |] eqn:E; [| discriminate].
    apply strip_some in E. subst text.
    destruct (take_hexadecimal 64 r) as [[taken r'] |] eqn:T; [| discriminate].
    apply take_hexadecimal_some in T. destruct T as (-> & L & H).
    intros [= <- <-]. rewrite list_byte_of_string_of_list_byte, <- app_assoc. auto.
  - intros. reflexivity.
Qed.

(** *** Checks *)

Definition rule_word (r : group_rule) : string :=
  match r with Levels => "levels" | Enumerate => "enumerate" end.

Definition rule_format : format group_rule :=
  let word r := list_byte_of_string (line (rule_word r)) in
  let words := map (fun r => (word r, r)) [Levels; Enumerate] in
  {| parse := fun text =>
       match fold_right (fun '(w, r) others =>
           match strip w text with Some rest => Some (r, rest) | None => others end) None words with
       | Some (r, rest) => Parsed r rest
       | None => Failed "one of the rules levels, enumerate (any other rule is unverified)" text
       end;
     print := word;
     valid := fun _ => True |}.

Lemma rule_faithful : faithful rule_format.
Proof.
  split.
  - intros [] rest _ St; reflexivity.
  - intros text r rest. unfold rule_format. cbn [parse print valid map fold_right].
    repeat match goal with |- context [strip ?w text] => destruct (strip w text) eqn:? end;
      try discriminate; intros [= <- <-];
      match goal with H : strip _ text = Some _ |- _ => apply strip_some in H; auto end.
  - intros [] rest _ St; reflexivity.
Qed.

Fixpoint ascending (numbers : list Z) : bool :=
  match numbers with
  | a :: (b :: _) as others => (a <? b) && ascending others
  | _ => true
  end.

(** Neighbouring runs of bands have different widths: a run is as long as it can be. *)
Fixpoint runs_end (bands : list (Z * Z)) : bool :=
  match bands with
  | (_, a) :: ((_, b) :: _) as others => negb (a =? b) && runs_end others
  | _ => true
  end.

(** Classes by their numbers, [count] being how many the partition has; or the word [rest]. *)
Definition classes_format (count : Z) : format (option (list Z)) :=
  optional " rest" (
    guarded "ascending classes" ascending (
      counted space 1 (Some count) (integer space (Some 0) (Some (count - 1))))).

Definition bands_format : format (list (Z * Z)) :=
  guarded "neighbouring runs of bands of different widths" runs_end (
    counted space 0 None (integer space (Some 1) None ;; integer space (Some 1) None)).

(** How many bands are in each level, so that every band is in one. *)
Definition levels_format (r : group_rule) (bands : list (Z * Z)) : format (list Z) :=
  match r with
  | Levels =>
      guarded "levels that hold every band once"
        (fun levels => fold_left Z.add levels 0 =? fold_left Z.add (map fst bands) 0) (
        counted space 0 None (integer space (Some 1) None))
  | _ => nothing []
  end.

(** [class_counts] says how many classes each partition has. *)
Definition check_format (class_counts : list Z) : format check :=
  let last_partition := Z.of_nat (List.length class_counts) - 1 in
  mapped
    (fun '(r, (b, (m, (p, (cl, (bs, ls)))))) => Check r b m p cl bs ls)
    (fun c => (rule c, (bits c, (margin c, (partition c, (classes c, (bands c, levels c)))))))
    (r <- rule_format ;;
     integer space (Some 1) (Some max_bits) ;;
     integer space (Some 1) None ;;
     p <- integer space (Some 0) (Some last_partition) ;;
     classes_format (nth (Z.to_nat p) class_counts 0) ;;
     bs <- bands_format ;;
     levels_format r bs).

Definition group_format (class_counts : list Z) : format group :=
  mapped
    (fun '(m, (a, (b, (c, cs)))) => Group m a b c cs)
    (fun g => (group_label g, (first_query g, (last_query g, (group_correct g, checks g)))))
    (after (line "group label") (integer space (Some 0) None) ;;
     after " queries" (integer space (Some 0) None) ;;
     integer space (Some 0) None ;;
     after " correct" (integer space (Some 0) None) ;;
     after " checks" (counted space 1 (Some max_checks) (check_format class_counts))).

(** *** The whole certificate *)

(** Rows and columns along the path of matrices whose product is a table. *)
Definition path_QK (M : model) : list nat :=
  [vocabulary M; width M; head_width M; width M; vocabulary M].
Definition path_OV (M : model) : list nat :=
  [vocabulary M; width M; head_width M; width M; outputs M].
Definition path_EU (M : model) : list nat := [vocabulary M; width M; outputs M].

(** Nothing where a matrix would be empty. *)
Definition hint_format (m rank n : nat) : format (option (dyadic * dyadic)) :=
  match rank with
  | O => nothing None
  | _ => some (tensor "A" m rank ;; tensor "H" rank n)
  end.

Definition norm_format (present : bool) (m : nat) : format (option (dyadic * dyadic)) :=
  if present then
    some (tensor "s" 1 1 ;; tensor "C" m m)
  else nothing None.

Definition factor_rank (f : factor) : nat :=
  match factor_hint f with Some (_, H) => List.length (rows H) | None => O end.

(** A factor of a path with the remaining [sizes], when so many more factors are to come. *)
Definition factor_format (first : bool) (more : nat) (sizes : list nat) : format factor :=
  let most := Z.of_nat (List.length sizes - 1 - more) in
  let m := hd O sizes in
  let last := match more with O => true | _ => false end in
  mapped
    (fun '(matrices, (_, (hint, norm))) => Factor matrices hint norm)
    (fun f => (factor_matrices f, (factor_rank f, (factor_hint f, factor_norm f))))
    (matrices <- after (line "factor matrices") (size (if last then most else 1) most) ;;
     let n := nth matrices sizes O in
     rank <- after " rank" (size 0 (Z.of_nat (Nat.min m n))) ;;
     hint_format m rank n ;;
     norm_format (negb (first || last)) m).

Fixpoint factors_format (first : bool) (count : nat) (sizes : list nat) : format (list factor) :=
  match count with
  | O => nothing []
  | S more =>
      mapped
        (fun first_others => fst first_others :: snd first_others)
        (fun factors => (hd (Factor O None None) factors, tl factors))
        (f <- factor_format first more sizes ;;
         factors_format false more (skipn (factor_matrices f) sizes))
  end.

Definition table_format (name : string) (path : list nat) : format table_rule :=
  after (line "table " ++ name)%string (
    mapped
      (fun factors => match factors with Some factors => LowRank factors | None => Exact end)
      (fun table => match table with LowRank factors => Some factors | Exact => None end)
      (optional " exact" (
        after " low_rank" (
          mapped snd (fun factors => (List.length factors, factors))
            (count <- size 2 (Z.of_nat (List.length path - 1)) ;; factors_format true count path))))).

Definition partition_format (outputs : Z) : format (list Z) :=
  guarded "ascending cuts from 0 to the number of outputs"
    (fun cuts => (hd 1 cuts =? 0) && (last cuts 0 =? outputs) && ascending cuts) (
    counted newline 2 (Some (outputs + 1)) (integer space (Some 0) (Some outputs))).

Definition groups_format (partitions : list (list Z)) : format (list group) :=
  let class_counts := map (fun cuts => Z.of_nat (List.length cuts) - 1) partitions in
  after (line "groups") (counted space 0 None (group_format class_counts)).

Definition certificate_format (M : model) : format certificate :=
  mapped
    (fun '(s, (c, (sb, (eb, (qk, (ov, (eu, (ps, (gs, _))))))))) => Certificate s c sb eb qk ov eu ps gs)
    (fun C => (model_sha256 C, (claimed_correct C, (score_bits C, (exponential_bits C,
      (table_QK C, (table_OV C, (table_EU C, (partitions C, (groups C, tt))))))))))
    (after "compact-proofs-certificate 1" sha256_format ;;
     after (line "correct") (integer space (Some 0) None) ;;
     sb <- after (line "score_bits") (integer space (Some 1) (Some max_bits)) ;;
     after (line "exponential_bits") (integer space (Some sb) (Some max_exponential_bits)) ;;
     table_format "QK" (path_QK M) ;;
     table_format "OV" (path_OV M) ;;
     table_format "EU" (path_EU M) ;;
     ps <- after (line "partitions")
       (counted space 0 (Some max_partitions) (partition_format (Z.of_nat (outputs M)))) ;;
     groups_format ps ;;
     literal (line "end" ++ line "")%string).

Lemma classes_faithful count : faithful (classes_format count).
Proof.
  apply optional_faithful; [reflexivity | auto 10 with formats |].
  intros values rest [[[[_ _] _] _] _]. simpl.
  destruct (decimal_head (Z.of_nat (List.length values))) as (b & tail & E & Hb). rewrite E. simpl.
  destruct b; try reflexivity. destruct Hb as [H | [d H]]; discriminate H.
Qed.

Lemma check_faithful class_counts : faithful (check_format class_counts).
Proof.
  apply mapped_faithful.
  - intros [r [b [m [p [cl [bs ls]]]]]] _. reflexivity.
  - repeat (apply followed_faithful; intros);
      auto using rule_faithful, classes_faithful with formats.
    + apply guarded_faithful. auto with formats.
    + destruct a; simpl; auto with formats.
Qed.

Lemma group_faithful class_counts : faithful (group_format class_counts).
Proof.
  apply mapped_faithful.
  - intros [m [a [b [c cs]]]] _. reflexivity.
  - auto 20 using check_faithful with formats.
Qed.

Lemma hint_faithful m rank n : faithful (hint_format m rank n).
Proof. destruct rank; simpl; auto with formats. Qed.

Lemma hint_rank m rank n matrices hint norm :
  valid (hint_format m rank n) hint -> factor_rank (Factor matrices hint norm) = rank.
Proof.
  unfold factor_rank, factor_hint. destruct rank as [| rank].
  - intros V. simpl in V. subst hint. reflexivity.
  - destruct hint as [[A H] |]; [| intros []].
    intros [_ [[[_ [_ [_ [L _]]]] _] _]]. unfold fst, snd in *. simpl in L. lia.
Qed.

Lemma factor_faithful first more sizes : faithful (factor_format first more sizes).
Proof.
  apply mapped_faithful.
  - intros [matrices [rank [hint norm]]] [_ [_ [V _]]]. cbn [fst snd] in V.
    rewrite (hint_rank _ _ _ _ _ _ V). reflexivity.
  - apply followed_faithful; [apply after_faithful; [reflexivity |] |].
    + destruct more; auto with formats.
    + intros matrices _. apply followed_faithful; [auto with formats |]. intros rank _.
      apply followed_faithful; [apply hint_faithful |]. intros _ _.
      unfold norm_format. destruct (negb _); auto with formats.
Qed.

Lemma factors_faithful count : forall first sizes, faithful (factors_format first count sizes).
Proof.
  induction count as [| more IH]; intros first sizes; simpl; auto with formats.
  apply mapped_faithful.
  - intros [f factors] _. reflexivity.
  - auto using factor_faithful with formats.
Qed.

Lemma factors_length count : forall first sizes factors,
  valid (factors_format first count sizes) factors -> List.length factors = count.
Proof.
  induction count as [| more IH]; intros first sizes factors; simpl.
  - intros ->. reflexivity.
  - intros [[_ V] E]. apply IH in V. destruct factors; [discriminate E |]. simpl in *. lia.
Qed.

Lemma table_faithful name path : faithful (table_format name path).
Proof.
  apply after_faithful; [reflexivity |]. apply mapped_faithful.
  - intros [factors |] _; reflexivity.
  - apply optional_faithful; [reflexivity | | reflexivity].
    apply after_faithful; [reflexivity |]. apply mapped_faithful.
    + intros [count factors] [_ V]. apply factors_length in V. simpl in *. congruence.
    + auto using factors_faithful with formats.
Qed.

Lemma certificate_faithful M : faithful (certificate_format M).
Proof.
  apply mapped_faithful.
  - intros [s [c [sb [eb [qk [ov [eu [ps [gs []]]]]]]]]] _. reflexivity.
  - unfold groups_format, partition_format.
    auto 40 using sha256_faithful, table_faithful, group_faithful with formats.
Qed.

Definition read_certificate (M : model) (text : bytes) : reading certificate :=
  parse_all (certificate_format M) text.

Definition parse_certificate (M : model) (text : bytes) : option certificate :=
  match read_certificate M text with Parsed C _ => Some C | Failed _ _ => None end.

Definition print_certificate (M : model) (C : certificate) : bytes :=
  print (certificate_format M) C.

(** Which certificates have a text, for the model [M]. *)
Definition well_formed_certificate (M : model) (C : certificate) : Prop :=
  valid (certificate_format M) C.

Theorem parse_print_certificate M C :
  well_formed_certificate M C ->
  parse_certificate M (print_certificate M C) = Some C.
Proof.
  intros W. unfold parse_certificate, read_certificate, print_certificate.
  rewrite parse_all_print; auto using certificate_faithful.
Qed.

Theorem parse_certificate_sound M text C :
  parse_certificate M text = Some C ->
  text = print_certificate M C /\ well_formed_certificate M C.
Proof.
  unfold parse_certificate, read_certificate.
  destruct (parse_all _ _) as [C' rest |] eqn:E; [| discriminate].
  intros [= <-]. apply print_parse_all in E; auto using certificate_faithful.
Qed.
