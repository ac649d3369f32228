(** * The checker: the bytes of two files in, a verdict out

    Mirrors [check] of [checker/check.py]. *)

From Coq Require Import Strings.Byte String ZArith List.
From CompactProofs Require Import Outcome Syntax Text Sha256 Semantics Parser Soundness.
From CompactProofs Require ProgramSemantics Evaluate EvaluateSound Inputs ProgramParser.
Local Open Scope string_scope.
Local Open Scope Z_scope.

Definition number (k : Z) : string := string_of_list_byte (decimal k).

(** Where the rest [unread] of [text] begins, counted in bytes from 0. *)
Definition place (text unread : bytes) : Z :=
  fold_left (fun n _ => n + 1) text 0 - fold_left (fun n _ => n + 1) unread 0.

Definition begins (word : string) (text : bytes) : bool :=
  match strip (list_byte_of_string word) text with Some _ => true | None => false end.

(** Where a file goes on with a rule that the Python kernel has and this checker has not, it says so. *)
Definition unreadable (file expected : string) (text unread : bytes) : verdict :=
  Declined (
    if begins "compact-proofs-sample " unread then file ++ ": the rule `sample` is not verified"
    else if begins (line "" ++ "margin ") unread then file ++ ": the rule `margin` is not verified"
    else file ++ ": byte " ++ number (place text unread) ++ ": expected " ++ expected).

(** [found] are the numbers of certified inputs, group after group up to the first claim that fails. The
    hash is that of the model file, if it is one. *)
Record report := Report { outcome : verdict; found : list Z; model_hash : string }.

(** Such a certificate is accepted as it is; its tables are not looked at. *)
Definition claims_nothing (C : certificate) : bool :=
  match groups C with nil => claimed_correct C =? 0 | _ => false end.

Definition other_model (claimed hash : string) : verdict :=
  Rejected ("model: claimed SHA-256 " ++ claimed ++ ", found " ++ hash).

(** Version 1 of both files. *)
Definition examine_max (model_text certificate_text : bytes) : report :=
  match read_model model_text with
  | Failed expected unread => Report (unreadable "model" expected model_text unread) nil ""
  | Parsed M _ =>
      let hash := sha256 model_text in
      match read_certificate M certificate_text with
      | Failed expected unread =>
          Report (unreadable "certificate" expected certificate_text unread) nil hash
      | Parsed C _ =>
          if negb (model_sha256 C =? hash)%string then Report (other_model (model_sha256 C) hash) nil hash
          else if claims_nothing C then Report (Accepted 0 (number_of_inputs M)) nil hash
          else let (counts, verdict) := examine M C in Report verdict counts hash
      end
  end.

Definition verdict_of {A} (r : result A) (accepted : A -> verdict) : verdict :=
  match r with
  | Ok a => accepted a
  | Reject reason => Rejected reason
  | Decline reason => Declined reason
  end.

(** Version 2 of both files: the counts that were found, and the verdict. *)
Definition examine_claim (P : ProgramSemantics.program) (C : ProgramParser.claim) : list Z * verdict :=
  match Inputs.count_inputs P with
  | Ok total =>
      let (counts, r) := Evaluate.check_evaluate P (ProgramParser.passes C) (ProgramParser.intervals C) in
      (counts, verdict_of r (fun sum =>
         if ProgramParser.claim_correct C =? sum then Accepted sum total
         else Rejected "claimed another number than the intervals' sum"))
  | r => (nil, verdict_of r (fun _ => Rejected ""))
  end.

Definition examine_program (model_text certificate_text : bytes) : report :=
  match ProgramParser.read_program model_text with
  | Failed expected unread => Report (unreadable "model" expected model_text unread) nil ""
  | Parsed P _ =>
      let hash := sha256 model_text in
      match ProgramParser.read_claim certificate_text with
      | Failed expected unread =>
          Report (unreadable "certificate" expected certificate_text unread) nil hash
      | Parsed C _ =>
          if negb (ProgramParser.claim_sha256 C =? hash)%string
          then Report (other_model (ProgramParser.claim_sha256 C) hash) nil hash
          else let (counts, verdict) := examine_claim P C in Report verdict counts hash
      end
  end.

Definition is_program (model_text : bytes) : bool :=
  match strip (list_byte_of_string (ProgramParser.program_start ++ line "")) model_text with
  | Some _ => true
  | None => false
  end.

Definition examine_files (model_text certificate_text : bytes) : report :=
  if is_program model_text then examine_program model_text certificate_text
  else examine_max model_text certificate_text.

Definition check (model_text certificate_text : bytes) : verdict :=
  outcome (examine_files model_text certificate_text).

(** What [Accepted N T] says of a model of version 1, and of a program. *)
Definition max_statement (model_text : bytes) (N T : Z) : Prop :=
  exists M inputs,
    parse_model model_text = Some M /\ T = number_of_inputs M /\
    NoDup inputs /\ Forall (is_input M) inputs /\ Forall (correct M) inputs /\
    N <= Z.of_nat (List.length inputs).

Definition program_statement (model_text : bytes) (N T : Z) : Prop :=
  exists P inputs,
    ProgramParser.parse_program model_text = Some P /\ T = ProgramSemantics.number_of_inputs P /\
    NoDup inputs /\ Forall (ProgramSemantics.is_input P) inputs
      /\ Forall (ProgramSemantics.correct P) inputs /\
    N <= Z.of_nat (List.length inputs).

Lemma examine_max_sound model_text certificate_text N T :
  outcome (examine_max model_text certificate_text) = Accepted N T -> max_statement model_text N T.
Proof.
  unfold examine_max. destruct (read_model model_text) as [M rest |] eqn:R; [| discriminate].
  assert (P : parse_model model_text = Some M) by (unfold parse_model; rewrite R; reflexivity).
  destruct (read_certificate M certificate_text) as [C rest' |]; [| discriminate].
  destruct (parse_model_sound _ _ P) as (_ & W & _).
  cbv zeta. destruct (negb _); [discriminate |].
  destruct (claims_nothing C); cbn [outcome].
  - intros [= <- <-]. exists M, nil. simpl. intuition. constructor.
  - destruct (examine M C) as [counts v] eqn:E. cbn [outcome]. intros ->.
    assert (A : check_claims M C = Accepted N T) by (unfold check_claims; rewrite E; reflexivity).
    destruct (check_claims_sound M C N T W A) as (-> & inputs & H).
    exists M, inputs. intuition.
Qed.

Lemma examine_program_sound model_text certificate_text N T :
  outcome (examine_program model_text certificate_text) = Accepted N T -> program_statement model_text N T.
Proof.
  unfold examine_program.
  destruct (ProgramParser.read_program model_text) as [P rest |] eqn:R; [| discriminate].
  assert (HP : ProgramParser.parse_program model_text = Some P)
    by (unfold ProgramParser.parse_program; rewrite R; reflexivity).
  destruct (ProgramParser.read_claim certificate_text) as [C rest' |] eqn:R'; [| discriminate].
  assert (HC : ProgramParser.parse_claim certificate_text = Some C)
    by (unfold ProgramParser.parse_claim; rewrite R'; reflexivity).
  destruct (ProgramParser.parse_program_sound _ _ HP) as (_ & _ & W).
  apply ProgramParser.parse_claim_sound in HC as [_ HC]. apply ProgramParser.spelled_claim_passes in HC.
  cbv zeta. destruct (negb _); [discriminate |].
  destruct (examine_claim P C) as [counts v] eqn:E. cbn [outcome]. intros ->.
  unfold examine_claim in E. destruct (Inputs.count_inputs P) as [total|reason|reason] eqn:HT;
    try discriminate.
  destruct (Evaluate.check_evaluate _ _ _) as [found r] eqn:HE. injection E as _ E.
  destruct r as [sum|reason|reason]; try discriminate. cbn [verdict_of] in E.
  destruct (_ =? sum); [|discriminate]. injection E as <- <-.
  destruct (EvaluateSound.check_evaluate_sound _ _ _ _ _ W HC HE) as (xs & H).
  exists P, xs. split; [exact HP|]. split; [now apply Inputs.count_inputs_sound|]. exact H.
Qed.

(** Whenever the verdict is [Accepted N T], the model file denotes a model of T inputs, and at least N of
    them are correct for it, over the real numbers. A file that begins with the line of version 2 denotes a
    program, any other a model of version 1. *)
Theorem check_sound model_text certificate_text N T :
  check model_text certificate_text = Accepted N T ->
  if is_program model_text then program_statement model_text N T else max_statement model_text N T.
Proof.
  unfold check, examine_files. destruct (is_program model_text); intros H.
  - now apply examine_program_sound in H.
  - now apply examine_max_sound in H.
Qed.
