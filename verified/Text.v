(** The lexical layer of both file kinds, read strictly, and formats built on it.

    A [format] is a parser and a printer for one kind of value. Formats are put together from small ones by
    the combinators below, each of which is proved [faithful]: what is printed parses to the value
    printed, and what parses is exactly what its value prints. So a file has one value, a value has one
    file, and no separate comparison with the canonical spelling is needed. *)

From Coq Require Import Strings.Byte String ZArith List Lia Bool.
Import ListNotations.
Local Open Scope Z_scope.

Definition bytes := list byte.

(** ** Decimal integers *)

Definition digit_value (b : byte) : option Z :=
  match b with
  | "0" => Some 0 | "1" => Some 1 | "2" => Some 2 | "3" => Some 3 | "4" => Some 4
  | "5" => Some 5 | "6" => Some 6 | "7" => Some 7 | "8" => Some 8 | "9" => Some 9
  | _ => None
  end%byte.

Definition digit_byte (d : Z) : byte :=
  match d with
  | 0 => "0" | 1 => "1" | 2 => "2" | 3 => "3" | 4 => "4"
  | 5 => "5" | 6 => "6" | 7 => "7" | 8 => "8" | _ => "9"
  end%byte.

(** A number has at most 800 characters, its sign included. The bound keeps reading linear in the file. *)
Definition limit_799 : Z := 10 ^ 799.

(** Reads digits as long as there are any, [a] being the number read so far. *)
Fixpoint scan (a : Z) (text : bytes) : option (Z * bytes) :=
  match text with
  | [] => Some (a, [])
  | b :: rest =>
      match digit_value b with
      | None => Some (a, text)
      | Some d => if a <? limit_799 then scan (10 * a + d) rest else None
      end
  end.

(** No sign but a minus, no leading zero, no minus zero. *)
Definition scan_natural (text : bytes) : option (Z * bytes) :=
  match text with
  | [] => None
  | b :: rest =>
      match digit_value b with
      | None => None
      | Some 0 =>
          match rest with
          | [] => Some (0, rest)
          | c :: _ => match digit_value c with None => Some (0, rest) | Some _ => None end
          end
      | Some d => scan d rest
      end
  end.

Definition scan_integer (text : bytes) : option (Z * bytes) :=
  match text with
  | "-"%byte :: rest =>
      match scan_natural rest with
      | Some (k, rest') => if (0 <? k) && (k <? limit_799) then Some (- k, rest') else None
      | None => None
      end
  | _ => scan_natural text
  end.

(** The digits of [k >= 0], put in front of [rest]; [fuel] is any number of digits that suffices. *)
Fixpoint digits (fuel : nat) (k : Z) (rest : bytes) : bytes :=
  match fuel with
  | O => rest
  | S fuel =>
      if k <? 10 then digit_byte k :: rest else digits fuel (k / 10) (digit_byte (k mod 10) :: rest)
  end.

Definition natural_digits (k : Z) (rest : bytes) : bytes := digits (S (Z.to_nat (Z.log2 k))) k rest.

Definition decimal (k : Z) : bytes :=
  if k <? 0 then "-"%byte :: natural_digits (- k) [] else natural_digits k [].

(** The integers of at most 800 characters. *)
Definition short (k : Z) : Prop := - limit_799 < k < 10 * limit_799.

Lemma limit_positive : 0 < limit_799.
Proof. unfold limit_799. apply Z.pow_pos_nonneg; lia. Qed.

Opaque limit_799.

Lemma digit_value_byte d : 0 <= d < 10 -> digit_value (digit_byte d) = Some d.
Proof.
  intros H. assert (d = 0 \/ d = 1 \/ d = 2 \/ d = 3 \/ d = 4 \/ d = 5 \/ d = 6 \/ d = 7 \/ d = 8 \/ d = 9)
    as C by lia.
  repeat (destruct C as [-> | C]; [reflexivity |]). subst. reflexivity.
Qed.

Lemma digit_byte_value b d : digit_value b = Some d -> digit_byte d = b /\ 0 <= d < 10.
Proof. destruct b; simpl; intros [= <-]; split; (reflexivity || lia). Qed.

(** A text that does not start with a digit ends the number before it. *)
Definition stops (text : bytes) : Prop :=
  match text with [] => True | b :: _ => digit_value b = None end.

Lemma digits_app fuel : forall k rest, digits fuel k rest = digits fuel k [] ++ rest.
Proof.
  induction fuel as [| fuel IH]; intros k rest; simpl; auto.
  destruct (k <? 10); auto.
  rewrite IH, (IH (k / 10) [_]), <- app_assoc. reflexivity.
Qed.

Lemma digits_fuel fuel : forall fuel' k rest,
  0 <= k < 2 ^ Z.of_nat fuel -> (fuel <= fuel')%nat -> (fuel > 0)%nat ->
  digits fuel' k rest = digits fuel k rest.
Proof.
  induction fuel as [| fuel IH]; intros fuel' k rest Hk Hf Hp; [lia |].
  destruct fuel' as [| fuel']; [lia |]. simpl.
  destruct (Z.ltb_spec k 10) as [Hlt | Hge]; auto.
  rewrite Nat2Z.inj_succ, Z.pow_succ_r in Hk by lia.
  assert (0 <= k / 10 < 2 ^ Z.of_nat fuel).
  { split; [apply Z.div_pos; lia |]. apply Z.div_lt_upper_bound; lia. }
  apply IH; try lia.
  destruct fuel; [simpl in *; lia | lia].
Qed.

Lemma log2_bound k : 0 <= k -> 0 <= k < 2 ^ Z.of_nat (S (Z.to_nat (Z.log2 k))).
Proof.
  intros H. split; auto.
  rewrite Nat2Z.inj_succ, Z2Nat.id by apply Z.log2_nonneg.
  destruct (Z.eq_dec k 0) as [-> | Hne]; [reflexivity |].
  apply Z.log2_spec. lia.
Qed.

Lemma natural_digits_app k rest : natural_digits k rest = natural_digits k [] ++ rest.
Proof. apply digits_app. Qed.

Lemma natural_digits_small d rest : 0 <= d < 10 -> natural_digits d rest = digit_byte d :: rest.
Proof.
  intros H. unfold natural_digits. simpl. destruct (Z.ltb_spec d 10); [reflexivity | lia].
Qed.

Lemma natural_digits_step a d rest :
  0 < a -> 0 <= d < 10 -> natural_digits (10 * a + d) rest = natural_digits a (digit_byte d :: rest).
Proof.
  intros Ha Hd. unfold natural_digits at 1. cbn [digits].
  destruct (Z.ltb_spec (10 * a + d) 10); [lia |].
  replace ((10 * a + d) / 10) with a by (apply Z.div_unique with d; lia).
  replace ((10 * a + d) mod 10) with d by (apply Z.mod_unique with a; lia).
  apply digits_fuel; [apply log2_bound; lia | | lia].
  apply (Nat2Z.inj_le (S _)). rewrite Nat2Z.inj_succ, !Z2Nat.id by apply Z.log2_nonneg.
  assert (Z.log2 (2 * a) <= Z.log2 (10 * a + d)) by (apply Z.log2_le_mono; lia).
  rewrite Z.log2_double in * by lia. lia.
Qed.

(** *** What is scanned is what is printed *)

Lemma scan_digits text : forall a k rest,
  scan a text = Some (k, rest) -> 0 < a ->
  natural_digits a text = natural_digits k rest /\ stops rest /\ a <= k /\
  (a < 10 * limit_799 -> k < 10 * limit_799).
Proof.
  induction text as [| b text IH]; intros a k rest H Ha; cbn [scan] in H.
  - injection H as <- <-. simpl. auto with zarith.
  - destruct (digit_value b) as [d |] eqn:Hd.
    + destruct (Z.ltb_spec a limit_799); [| discriminate].
      destruct (digit_byte_value _ _ Hd) as [Hb Hr].
      destruct (IH _ _ _ H) as (E & S & L & B); [lia |].
      rewrite natural_digits_step, Hb in E by lia.
      repeat split; auto; [lia |]. intros _. apply B. lia.
    + injection H as <- <-. simpl. repeat split; auto; lia.
Qed.

Lemma scan_natural_digits text k rest :
  scan_natural text = Some (k, rest) ->
  text = natural_digits k rest /\ stops rest /\ 0 <= k < 10 * limit_799.
Proof.
  pose proof limit_positive as P.
  destruct text as [| b text]; simpl; [discriminate |].
  destruct (digit_value b) as [d |] eqn:Hd; [| discriminate].
  destruct (digit_byte_value _ _ Hd) as [Hb Hr].
  destruct d as [| p | p]; [| | lia].
  - intros H. assert (k = 0 /\ rest = text /\ stops text) as (-> & -> & S).
    { destruct text as [| c text]; [injection H as <- <-; simpl; auto |].
      destruct (digit_value c) eqn:Hc; [discriminate |]. injection H as <- <-. simpl. auto. }
    rewrite natural_digits_small, Hb by lia. repeat split; auto; lia.
  - intros H. destruct (scan_digits _ _ _ _ H) as (E & S & L & B); [lia |].
    specialize (B ltac:(lia)).
    rewrite natural_digits_small, Hb in E by lia. repeat split; auto; lia.
Qed.

Lemma scan_integer_decimal text k rest :
  scan_integer text = Some (k, rest) -> text = decimal k ++ rest /\ stops rest /\ short k.
Proof.
  pose proof limit_positive as P.
  assert (forall t, scan_natural t = Some (k, rest) ->
    t = decimal k ++ rest /\ stops rest /\ short k) as N.
  { intros t H. destruct (scan_natural_digits _ _ _ H) as (-> & S & L).
    unfold decimal, short. destruct (Z.ltb_spec k 0); [lia |].
    rewrite <- natural_digits_app. repeat split; auto; lia. }
  destruct text as [| b text]; [apply N |].
  destruct b; try apply N. clear N. simpl.
  destruct (scan_natural text) as [[m r] |] eqn:Hs; [| discriminate].
  destruct (Z.ltb_spec 0 m); [| discriminate].
  destruct (Z.ltb_spec m limit_799); [| discriminate].
  simpl. intros [= <- <-].
  destruct (scan_natural_digits _ _ _ Hs) as (-> & S & L).
  unfold decimal, short. destruct (Z.ltb_spec (- m) 0); [| lia].
  rewrite Z.opp_involutive. cbn [app]. rewrite <- natural_digits_app. repeat split; auto; lia.
Qed.

(** *** What is printed is scanned *)

Lemma scan_stops a rest : stops rest -> scan a rest = Some (a, rest).
Proof. destruct rest as [| b rest]; simpl; auto. intros ->. reflexivity. Qed.

(** The digits of [k] start with one, [d], that is zero only if it is all, and scanning from there ends
    with [k] in hand. *)
Lemma digits_scanned fuel : forall k rest,
  0 < k < 2 ^ Z.of_nat fuel -> k < 10 * limit_799 -> (fuel > 0)%nat ->
  exists d tail, digits fuel k rest = digit_byte d :: tail /\ 0 < d < 10 /\ scan d tail = scan k rest.
Proof.
  induction fuel as [| fuel IH]; intros k rest Hk Hl Hf; [lia |]. cbn [digits].
  destruct (Z.ltb_spec k 10) as [Hlt | Hge].
  - exists k, rest. repeat split; auto; lia.
  - rewrite Nat2Z.inj_succ, Z.pow_succ_r in Hk by lia.
    pose proof (Z.div_mod k 10 ltac:(lia)) as Ek.
    pose proof (Z.mod_pos_bound k 10 ltac:(lia)) as Hm.
    destruct (IH (k / 10) (digit_byte (k mod 10) :: rest)) as (d & tail & E & Hd & S).
    + split; lia.
    + pose proof limit_positive. lia.
    + destruct fuel; [simpl in *; lia | lia].
    + exists d, tail. repeat split; auto; try lia. rewrite S. cbn [scan].
      rewrite digit_value_byte by lia.
      destruct (Z.ltb_spec (k / 10) limit_799); [| lia].
      f_equal. lia.
Qed.

Lemma scan_natural_printed k rest :
  0 <= k < 10 * limit_799 -> stops rest -> scan_natural (natural_digits k rest) = Some (k, rest).
Proof.
  intros Hk St. destruct (Z.eq_dec k 0) as [-> | Hne].
  - rewrite natural_digits_small by lia. simpl.
    destruct rest as [| c rest]; auto. simpl in St. rewrite St. reflexivity.
  - unfold natural_digits.
    destruct (digits_scanned (S (Z.to_nat (Z.log2 k))) k rest) as (d & tail & E & Hd & Es);
      [pose proof (log2_bound k); lia | lia | lia |].
    rewrite E. simpl. rewrite digit_value_byte by lia.
    destruct d; [lia | | lia]. rewrite Es. apply scan_stops, St.
Qed.

Lemma decimal_head k : exists b tail, decimal k = b :: tail /\
  (b = "-"%byte \/ exists d, digit_value b = Some d).
Proof.
  unfold decimal. destruct (Z.ltb_spec k 0); [eauto |].
  assert (forall fuel m rest, 0 <= m -> exists d tail,
    digits (S fuel) m rest = digit_byte d :: tail /\ 0 <= d < 10) as D.
  { induction fuel as [| fuel IH]; intros m rest Hm; simpl.
    - destruct (Z.ltb_spec m 10); [exists m, rest; auto with zarith |].
      exists (m mod 10), rest. pose proof (Z.mod_pos_bound m 10). auto with zarith.
    - destruct (Z.ltb_spec m 10); [exists m, rest; auto with zarith |].
      apply IH. apply Z.div_pos; lia. }
  destruct (D (Z.to_nat (Z.log2 k)) k [] ltac:(lia)) as (d & tail & E & Hd).
  exists (digit_byte d), tail. split; [exact E |]. right. exists d. apply digit_value_byte, Hd.
Qed.

Lemma scan_integer_printed k rest :
  short k -> stops rest -> scan_integer (decimal k ++ rest) = Some (k, rest).
Proof.
  intros Hk S. unfold short in Hk. pose proof limit_positive.
  destruct (decimal_head k) as (b & tail & E & Hb).
  unfold decimal in *. destruct (Z.ltb_spec k 0).
  - cbn [app scan_integer]. rewrite <- natural_digits_app, scan_natural_printed by (auto; lia).
    destruct (Z.ltb_spec 0 (- k)); [| lia]. destruct (Z.ltb_spec (- k) limit_799); [| lia].
    simpl. rewrite Z.opp_involutive. reflexivity.
  - rewrite <- natural_digits_app.
    assert (Some (k, rest) = scan_natural (natural_digits k rest)) as ->
      by (symmetry; apply scan_natural_printed; auto; lia).
    rewrite natural_digits_app, E. simpl.
    destruct Hb as [-> | [d Hd]].
    + exfalso. assert (scan_natural (natural_digits k []) = Some (k, [])) as F
        by (apply scan_natural_printed; [lia | exact I]).
      rewrite E in F. discriminate F.
    + destruct b; try discriminate Hd; reflexivity.
Qed.

(** ** Formats *)

(** Reading the front of a text gives a value and the rest, or says what was expected where it stopped. *)
Inductive reading (A : Type) : Type :=
| Parsed (value : A) (rest : bytes)
| Failed (expected : string) (rest : bytes).
Arguments Parsed {A} value rest.
Arguments Failed {A} expected rest.

(** [valid] describes the values that the format can spell. *)
Record format (A : Type) : Type :=
  Format { parse : bytes -> reading A; print : A -> bytes; valid : A -> Prop }.
Arguments Format {A} parse print valid.
Arguments parse {A} f text.
Arguments print {A} f value.
Arguments valid {A} f value.

Record faithful {A : Type} (f : format A) : Prop := {
  parse_print : forall a rest,
    valid f a -> stops rest -> parse f (print f a ++ rest) = Parsed a rest;
  print_parse : forall text a rest,
    parse f text = Parsed a rest -> text = print f a ++ rest /\ valid f a;
  (* So a number may come before: its last digit is the last. *)
  print_stops : forall a rest, valid f a -> stops rest -> stops (print f a ++ rest)
}.

(** *** A fixed text *)

Fixpoint strip (prefix text : bytes) : option bytes :=
  match prefix, text with
  | [], _ => Some text
  | p :: prefix, b :: text => if Byte.eqb p b then strip prefix text else None
  | _ :: _, [] => None
  end.

Lemma strip_app prefix : forall rest, strip prefix (prefix ++ rest) = Some rest.
Proof.
  induction prefix as [| p prefix IH]; intros rest; simpl; auto.
  rewrite Byte.byte_dec_lb by reflexivity. apply IH.
Qed.

Lemma strip_some prefix : forall text rest, strip prefix text = Some rest -> text = prefix ++ rest.
Proof.
  induction prefix as [| p prefix IH]; intros [| b text] rest; simpl; try congruence.
  destruct (Byte.eqb p b) eqn:E; [| discriminate].
  intros H. apply Byte.byte_dec_bl in E. rewrite (IH _ _ H), E. reflexivity.
Qed.

Definition literal (what : string) : format unit :=
  let expected := list_byte_of_string what in
  {| parse := fun text =>
       match strip expected text with Some rest => Parsed tt rest | None => Failed what text end;
     print := fun _ => expected;
     valid := fun _ => True |}.

Definition starts_well (what : string) : Prop :=
  match list_byte_of_string what with [] => False | b :: _ => digit_value b = None end.

Lemma literal_faithful what : starts_well what -> faithful (literal what).
Proof.
  unfold starts_well. intros W. split; simpl.
  - intros [] rest _ _. rewrite strip_app. reflexivity.
  - intros text [] rest. destruct (strip _ text) eqn:E; [| discriminate].
    intros [= <-]. split; auto. apply strip_some, E.
  - intros _ rest _ _. destruct (list_byte_of_string what); [destruct W | exact W].
Qed.

(** *** An integer, after a space or at the start of a line *)

Definition space : byte := " "%byte.
Definition newline : byte := "010"%byte.

Definition at_least (low : option Z) (k : Z) : bool :=
  match low with Some a => a <=? k | None => true end.
Definition at_most (high : option Z) (k : Z) : bool :=
  match high with Some b => k <=? b | None => true end.

Definition integer (before : byte) (low high : option Z) : format Z :=
  {| parse := fun text =>
       match text with
       | b :: text' =>
           if Byte.eqb before b then
             match scan_integer text' with
             | Some (k, rest) =>
                 if at_least low k && at_most high k then Parsed k rest
                 else Failed "an integer within its limits" text'
             | None => Failed "a canonical integer of at most 800 characters" text'
             end
           else Failed "an integer after one space or newline" text
       | [] => Failed "an integer" text
       end;
     print := fun k => before :: decimal k;
     valid := fun k => short k /\ at_least low k = true /\ at_most high k = true |}.

Lemma integer_faithful before low high :
  digit_value before = None -> faithful (integer before low high).
Proof.
  intros D. split; simpl.
  - intros k rest (Hs & Hl & Hh) S. rewrite Byte.byte_dec_lb by reflexivity.
    rewrite scan_integer_printed, Hl, Hh by auto. reflexivity.
  - intros [| b text] k rest; [discriminate |].
    destruct (Byte.eqb before b) eqn:E; [| discriminate]. apply Byte.byte_dec_bl in E. subst b.
    destruct (scan_integer text) as [[m r] |] eqn:Es; [| discriminate].
    destruct (at_least low m && at_most high m) eqn:B; [| discriminate].
    intros [= <- <-]. apply andb_true_iff in B. apply scan_integer_decimal in Es.
    destruct Es as (-> & _ & Hs). auto.
  - intros. exact D.
Qed.

(** *** One format after another, which may depend on the value of the first *)

Definition followed {A B : Type} (f : format A) (g : A -> format B) : format (A * B) :=
  {| parse := fun text =>
       match parse f text with
       | Parsed a rest =>
           match parse (g a) rest with
           | Parsed b rest' => Parsed (a, b) rest'
           | Failed expected at_ => Failed expected at_
           end
       | Failed expected at_ => Failed expected at_
       end;
     print := fun ab => print f (fst ab) ++ print (g (fst ab)) (snd ab);
     valid := fun ab => valid f (fst ab) /\ valid (g (fst ab)) (snd ab) |}.

Lemma followed_faithful {A B : Type} (f : format A) (g : A -> format B) :
  faithful f -> (forall a, valid f a -> faithful (g a)) -> faithful (followed f g).
Proof.
  intros F G. split; simpl.
  - intros [a b] rest [Ha Hb] S; simpl in *. rewrite <- app_assoc.
    rewrite (parse_print f F) by (auto; apply (print_stops _ (G a Ha)); auto).
    rewrite (parse_print _ (G a Ha)) by auto. reflexivity.
  - intros text [a b] rest. destruct (parse f text) as [a' r |] eqn:Ea; [| discriminate].
    destruct (parse (g a') r) as [b' r' |] eqn:Eb; [| discriminate].
    intros [= <- <- <-]; simpl.
    apply (print_parse f F) in Ea. destruct Ea as [-> Va].
    apply (print_parse _ (G _ Va)) in Eb. destruct Eb as [-> Vb].
    rewrite app_assoc. auto.
  - intros [a b] rest [Ha Hb] S; simpl in *. rewrite <- app_assoc.
    apply (print_stops f F); auto. apply (print_stops _ (G a Ha)); auto.
Qed.

(** A fixed text before a value. *)
Definition after {A : Type} (what : string) (f : format A) : format A :=
  let expected := list_byte_of_string what in
  {| parse := fun text =>
       match strip expected text with Some rest => parse f rest | None => Failed what text end;
     print := fun a => expected ++ print f a;
     valid := valid f |}.

Lemma after_faithful {A : Type} (what : string) (f : format A) :
  starts_well what -> faithful f -> faithful (after what f).
Proof.
  unfold starts_well. intros W F. split; simpl.
  - intros a rest Ha S. rewrite <- app_assoc, strip_app. apply (parse_print f F); auto.
  - intros text a rest. destruct (strip _ text) as [r |] eqn:E; [| discriminate].
    apply strip_some in E. subst text. intros H. apply (print_parse f F) in H.
    destruct H as [-> Ha]. rewrite app_assoc. auto.
  - intros a rest Ha S. destruct (list_byte_of_string what); [destruct W | exact W].
Qed.

(** *** Another view of the same values *)

Definition mapped {A B : Type} (to : A -> B) (from : B -> A) (f : format A) : format B :=
  {| parse := fun text =>
       match parse f text with
       | Parsed a rest => Parsed (to a) rest
       | Failed expected at_ => Failed expected at_
       end;
     print := fun b => print f (from b);
     valid := fun b => valid f (from b) /\ to (from b) = b |}.

Lemma mapped_faithful {A B : Type} (to : A -> B) (from : B -> A) (f : format A) :
  (forall a, valid f a -> from (to a) = a) -> faithful f -> faithful (mapped to from f).
Proof.
  intros I F. split; simpl.
  - intros b rest [Hv Hb] S. rewrite (parse_print f F), Hb by auto. reflexivity.
  - intros text b rest. destruct (parse f text) as [a r |] eqn:E; [| discriminate].
    intros [= <- <-]. apply (print_parse f F) in E. destruct E as [-> Va].
    rewrite I by auto. auto.
  - intros b rest [Hv Hb] S. apply (print_stops f F); auto.
Qed.

(** *** Only the values that pass a test *)

Definition guarded {A : Type} (what : string) (test : A -> bool) (f : format A) : format A :=
  {| parse := fun text =>
       match parse f text with
       | Parsed a rest => if test a then Parsed a rest else Failed what text
       | Failed expected at_ => Failed expected at_
       end;
     print := print f;
     valid := fun a => valid f a /\ test a = true |}.

Lemma guarded_faithful {A : Type} (what : string) (test : A -> bool) (f : format A) :
  faithful f -> faithful (guarded what test f).
Proof.
  intros F. split; simpl.
  - intros a rest [Hv Ht] S. rewrite (parse_print f F), Ht by auto. reflexivity.
  - intros text a rest. destruct (parse f text) as [a' r |] eqn:E; [| discriminate].
    destruct (test a') eqn:T; [| discriminate]. intros [= <- <-].
    apply (print_parse f F) in E. destruct E; auto.
  - intros a rest [Hv Ht] S. apply (print_stops f F); auto.
Qed.

(** *** A fixed text, or else a value that starts in another way *)

Definition optional {A : Type} (what : string) (f : format A) : format (option A) :=
  let expected := list_byte_of_string what in
  {| parse := fun text =>
       match strip expected text with
       | Some rest => Parsed None rest
       | None =>
           match parse f text with
           | Parsed a rest => Parsed (Some a) rest
           | Failed expected at_ => Failed expected at_
           end
       end;
     print := fun value => match value with None => expected | Some a => print f a end;
     valid := fun value => match value with None => True | Some a => valid f a end |}.

Lemma optional_faithful {A : Type} (what : string) (f : format A) :
  starts_well what -> faithful f ->
  (forall a rest, valid f a -> strip (list_byte_of_string what) (print f a ++ rest) = None) ->
  faithful (optional what f).
Proof.
  unfold starts_well. intros W F N. split; simpl.
  - intros [a |] rest Ha S.
    + rewrite N, (parse_print f F) by auto. reflexivity.
    + rewrite strip_app. reflexivity.
  - intros text value rest. destruct (strip _ text) as [r |] eqn:E.
    + apply strip_some in E. intros [= <- <-]. auto.
    + destruct (parse f text) as [a r |] eqn:Ea; [| discriminate].
      intros [= <- <-]. apply (print_parse f F) in Ea. exact Ea.
  - intros [a |] rest Ha S; [apply (print_stops f F); auto |].
    destruct (list_byte_of_string what); [destruct W | exact W].
Qed.

(** *** A given number of values

    The number may be huge while the file is small: the loop halves the number at each level, and stops
    everywhere at the first failure. *)

(** The values read so far, last first, and the rest of the text; or the failure. *)
Definition progress (A : Type) : Type := reading (list A).

Definition advance {A : Type} (f : format A) (so_far : progress A) : progress A :=
  match so_far with
  | Parsed values text =>
      match parse f text with
      | Parsed a rest => Parsed (a :: values) rest
      | Failed expected at_ => Failed expected at_
      end
  | Failed _ _ => so_far
  end.

Fixpoint advance_times {A : Type} (f : format A) (count : positive) (so_far : progress A) : progress A :=
  match so_far with
  | Failed _ _ => so_far
  | Parsed _ _ =>
      match count with
      | xH => advance f so_far
      | xO half => advance_times f half (advance_times f half so_far)
      | xI half => advance_times f half (advance_times f half (advance f so_far))
      end
  end.

Definition repeated {A : Type} (count : Z) (f : format A) : format (list A) :=
  {| parse := fun text =>
       let start := Parsed [] text in
       match (match count with Zpos p => advance_times f p start | _ => start end) with
       | Parsed values rest => Parsed (rev_append values []) rest
       | Failed expected at_ => Failed expected at_
       end;
     print := fun values => concat (map (print f) values);
     valid := fun values =>
       Z.of_nat (length values) = Z.max 0 count /\ Forall (valid f) values |}.

Lemma advance_times_iter {A : Type} (f : format A) count : forall so_far,
  advance_times f count so_far = Nat.iter (Pos.to_nat count) (advance f) so_far.
Proof.
  assert (forall n m (s : progress A),
    Nat.iter (n + m) (advance f) s = Nat.iter n (advance f) (Nat.iter m (advance f) s)) as Add
    by (induction n as [| n IH]; intros; simpl; rewrite ?IH; reflexivity).
  assert (forall n expected rest,
    Nat.iter n (advance f) (Failed expected rest) = Failed expected rest) as Stop
    by (induction n as [| n IH]; intros; simpl; rewrite ?IH; reflexivity).
  induction count as [half IH | half IH |]; intros [values text | expected rest];
    cbn [advance_times]; rewrite ?Stop; auto.
  - rewrite !IH, Pos2Nat.inj_xI.
    replace (S (2 * Pos.to_nat half)) with (Pos.to_nat half + (Pos.to_nat half + 1))%nat by lia.
    rewrite !Add. reflexivity.
  - rewrite !IH, Pos2Nat.inj_xO.
    replace (2 * Pos.to_nat half)%nat with (Pos.to_nat half + Pos.to_nat half)%nat by lia.
    rewrite Add. reflexivity.
Qed.

Lemma iterate_printed {A : Type} (f : format A) : faithful f -> forall values before rest,
  Forall (valid f) values -> stops rest ->
  Nat.iter (length values) (advance f) (Parsed before (concat (map (print f) values) ++ rest))
  = Parsed (rev values ++ before) rest.
Proof.
  intros F. 
  assert (forall n s, Nat.iter (S n) (advance f) s = Nat.iter n (advance f) (advance f s)) as Shift
    by (induction n as [| n IH]; intros; [reflexivity | simpl in *; rewrite <- IH; reflexivity]).
  assert (forall values rest, Forall (valid f) values -> stops rest ->
    stops (concat (map (print f) values) ++ rest)) as Stops.
  { induction values as [| a values IH]; intros rest V S; simpl; auto.
    rewrite <- app_assoc. inversion V; subst. apply (print_stops f F); auto. }
  induction values as [| a values IH]; intros before rest V S; [reflexivity |].
  inversion V as [| ? ? Va Vs]; subst. simpl length. rewrite Shift. simpl.
  rewrite <- app_assoc, (parse_print f F), IH by auto.
  rewrite <- app_assoc. reflexivity.
Qed.

Lemma iterate_parsed {A : Type} (f : format A) : faithful f -> forall n before text values rest,
  Nat.iter n (advance f) (Parsed before text) = Parsed values rest ->
  exists new, values = rev new ++ before /\ length new = n /\ Forall (valid f) new /\
    text = concat (map (print f) new) ++ rest.
Proof.
  intros F. induction n as [| n IH]; intros before text values rest; simpl.
  - intros [= <- <-]. exists []. auto.
  - destruct (Nat.iter n (advance f) (Parsed before text)) as [vs r |] eqn:E; [| discriminate].
    apply IH in E. destruct E as (new & -> & L & V & ->). simpl.
    destruct (parse f r) as [a r' |] eqn:Ea; [| discriminate]. intros [= <- <-].
    apply (print_parse f F) in Ea. destruct Ea as [-> Va].
    exists (new ++ [a]). rewrite rev_app_distr, app_length, map_app, concat_app, Forall_app. simpl.
    rewrite app_nil_r, <- app_assoc. repeat split; auto. lia.
Qed.

Lemma repeated_faithful {A : Type} (count : Z) (f : format A) :
  faithful f -> faithful (repeated count f).
Proof.
  intros F. 
  assert (forall text, match count with
    | Zpos p => advance_times f p (Parsed [] text) | _ => Parsed [] text end
    = Nat.iter (Z.to_nat count) (advance f) (Parsed [] text)) as E
    by (intros; destruct count; [reflexivity | apply advance_times_iter | reflexivity]).
  split.
  - intros values rest [L V] S. unfold repeated; cbn [parse print]. rewrite E.
    replace (Z.to_nat count) with (length values) by lia.
    rewrite iterate_printed, rev_append_rev, !app_nil_r, rev_involutive by auto. reflexivity.
  - intros text values rest. unfold repeated; cbn [parse print valid]. rewrite E.
    destruct (Nat.iter _ _ _) as [vs r |] eqn:Ei; [| discriminate]. intros [= <- <-].
    apply (iterate_parsed f F) in Ei. destruct Ei as (new & -> & L & V & ->).
    rewrite rev_append_rev, !app_nil_r, rev_involutive. repeat split; auto. lia.
  - intros values rest [_ V] S. simpl. induction values as [| a values IH]; simpl; auto.
    inversion V; subst. rewrite <- app_assoc. apply (print_stops f F); auto.
Qed.

(** *** A given number of integers, separated by spaces *)

Definition integers (count : Z) (low high : option Z) : format (list Z) :=
  repeated count (integer space low high).

(** The same on a line of its own: at least one integer. *)
Definition line_of_integers (count : Z) (low high : option Z) : format (list Z) :=
  mapped (fun first_others => fst first_others :: snd first_others)
    (fun values => (hd 0 values, tl values))
    (followed (integer newline low high) (fun _ => integers (count - 1) low high)).

Lemma integers_faithful count low high : faithful (integers count low high).
Proof. apply repeated_faithful, integer_faithful. reflexivity. Qed.

Lemma line_of_integers_faithful count low high : faithful (line_of_integers count low high).
Proof.
  apply mapped_faithful; [intros []; reflexivity |].
  apply followed_faithful; [apply integer_faithful; reflexivity | intros; apply integers_faithful].
Qed.

(** *** A whole file *)

Definition parse_all {A : Type} (f : format A) (text : bytes) : reading A :=
  match parse f text with
  | Parsed a [] => Parsed a []
  | Parsed _ (_ :: _ as rest) => Failed "the end of the file" rest
  | Failed expected at_ => Failed expected at_
  end.

Lemma parse_all_print {A : Type} (f : format A) a :
  faithful f -> valid f a -> parse_all f (print f a) = Parsed a [].
Proof.
  intros F V. unfold parse_all. rewrite <- (app_nil_r (print f a)).
  rewrite (parse_print f F) by (simpl; auto). reflexivity.
Qed.

Lemma print_parse_all {A : Type} (f : format A) text a rest :
  faithful f -> parse_all f text = Parsed a rest -> text = print f a /\ valid f a.
Proof.
  intros F. unfold parse_all. destruct (parse f text) as [a' [| b r] |] eqn:E; try discriminate.
  intros [= <- <-]. apply (print_parse f F) in E. rewrite app_nil_r in E. exact E.
Qed.
