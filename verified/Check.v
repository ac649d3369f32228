(** * The checker: the bytes of two files in, a verdict out

    Mirrors [check] of [checker/check.py]. *)

From Coq Require Import Strings.Byte String ZArith List.
From CompactProofs Require Import Syntax Text Sha256 Semantics Parser Soundness.
Local Open Scope string_scope.
Local Open Scope Z_scope.

Definition number (k : Z) : string := string_of_list_byte (decimal k).

(** Where the rest [unread] of [text] begins, counted in bytes from 0. *)
Definition place (text unread : bytes) : Z :=
  fold_left (fun n _ => n + 1) text 0 - fold_left (fun n _ => n + 1) unread 0.

Definition unreadable (file expected : string) (text unread : bytes) : verdict :=
  Declined (file ++ ": byte " ++ number (place text unread) ++ ": expected " ++ expected).

(** [found] are the numbers of certified inputs, group after group up to the first claim that fails. The
    hash is that of the model file, if it is one. *)
Record report := Report { outcome : verdict; found : list Z; model_hash : string }.

(** Such a certificate is accepted as it is; its tables are not looked at. *)
Definition claims_nothing (C : certificate) : bool :=
  match groups C with nil => claimed_correct C =? 0 | _ => false end.

Definition examine_files (model_text certificate_text : bytes) : report :=
  match read_model model_text with
  | Failed expected unread => Report (unreadable "model" expected model_text unread) nil ""
  | Parsed M _ =>
      let hash := sha256 model_text in
      match read_certificate M certificate_text with
      | Failed expected unread =>
          Report (unreadable "certificate" expected certificate_text unread) nil hash
      | Parsed C _ =>
          if negb (model_sha256 C =? hash)%string then
            Report (Rejected ("model: claimed SHA-256 " ++ model_sha256 C ++ ", found " ++ hash)) nil hash
          else if claims_nothing C then Report (Accepted 0 (number_of_inputs M)) nil hash
          else let (counts, verdict) := examine M C in Report verdict counts hash
      end
  end.

Definition check (model_text certificate_text : bytes) : verdict :=
  outcome (examine_files model_text certificate_text).

(** Whenever the verdict is [Accepted N T], the model file denotes a model of T inputs, and at least N of
    them are correct for it, over the real numbers. *)
Theorem check_sound model_text certificate_text N T :
  check model_text certificate_text = Accepted N T ->
  exists M inputs,
    parse_model model_text = Some M /\ T = number_of_inputs M /\
    NoDup inputs /\ Forall (is_input M) inputs /\ Forall (correct M) inputs /\
    N <= Z.of_nat (List.length inputs).
Proof.
  unfold check, examine_files. destruct (read_model model_text) as [M rest |] eqn:R; [| discriminate].
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
