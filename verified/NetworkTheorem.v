(** * Theorems about one trained network

    What [compact-proofs theorem] writes uses this file: a model and a certificate as text, and
    [proves_sound], by which Coq itself carries out the check. There is no extraction here, and no hash: the
    theorem is about the model whose text stands in the file. *)

From Coq Require Import Strings.Byte ZArith List Bool.
From CompactProofs Require Import Outcome Syntax Semantics Text Parser Soundness FastCheck Check.
From CompactProofs Require ProgramSemantics ProgramParser Inputs Evaluate EvaluateSound.
Import ListNotations.
Local Open Scope Z_scope.

(** ** Text, line by line *)

Inductive line := Line (characters : list byte).

Definition characters_of (l : line) : list byte := let (characters) := l in characters.

Declare Scope line_scope.
Delimit Scope line_scope with line.
Bind Scope line_scope with line.
String Notation line Line characters_of : line_scope.

(** The bytes of a file of these lines, each of which ends with a newline. *)
Definition text_of (lines : list line) : bytes :=
  flat_map (fun l => characters_of l ++ [newline]) lines.

(** ** The check *)

(** Whether the certificate proves of the model that [N] of [T] inputs are correct. *)
Definition proves (model_text certificate_text : bytes) (N T : Z) : bool :=
  match parse_model model_text with
  | None => false
  | Some M =>
      match parse_certificate M certificate_text with
      | None => false
      | Some C =>
          match fast_claims M C with
          | None => false
          | Some n => (N <=? n) && (number_of_inputs M =? T)
          end
      end
  end.

Theorem proves_sound model_text certificate_text N T :
  proves model_text certificate_text N T = true ->
  exists M inputs,
    parse_model model_text = Some M /\ number_of_inputs M = T /\
    NoDup inputs /\ Forall (is_input M) inputs /\ Forall (correct M) inputs /\
    Z.of_nat (List.length inputs) >= N.
Proof.
  unfold proves. destruct (parse_model model_text) as [M|] eqn:P; [|discriminate].
  destruct (parse_certificate M certificate_text) as [C|]; [|discriminate].
  destruct (fast_claims M C) as [n|] eqn:F; [|discriminate].
  rewrite andb_true_iff, Z.leb_le, Z.eqb_eq. intros [L E].
  apply fast_claims_sound in F. destruct (parse_model_sound _ _ P) as (_ & W & _).
  destruct (check_claims_sound M C _ _ W F) as (_ & inputs & H1 & H2 & H3 & H4).
  exists M, inputs. repeat split; try easy.
  apply Z.le_ge. now apply Z.le_trans with n.
Qed.

(** ** Programs *)

(** Whether the certificate proves of the program that [N] of [T] inputs are correct. *)
Definition proves_of_program (model_text certificate_text : bytes) (N T : Z) : bool :=
  match ProgramParser.parse_program model_text with
  | None => false
  | Some P =>
      match ProgramParser.parse_claim certificate_text with
      | None => false
      | Some C =>
          match Inputs.count_inputs P with
          | Ok total =>
              match snd (Evaluate.check_evaluate P (ProgramParser.passes C) (ProgramParser.intervals C)) with
              | Ok n => (N <=? n) && (total =? T)
              | _ => false
              end
          | _ => false
          end
      end
  end.

Theorem proves_of_program_sound model_text certificate_text N T :
  proves_of_program model_text certificate_text N T = true ->
  exists P inputs,
    ProgramParser.parse_program model_text = Some P /\ ProgramSemantics.number_of_inputs P = T /\
    NoDup inputs /\ Forall (ProgramSemantics.is_input P) inputs
      /\ Forall (ProgramSemantics.correct P) inputs /\
    Z.of_nat (List.length inputs) >= N.
Proof.
  unfold proves_of_program.
  destruct (ProgramParser.parse_program model_text) as [P|] eqn:HP; [|discriminate].
  destruct (ProgramParser.parse_claim certificate_text) as [C|] eqn:HC; [|discriminate].
  destruct (Inputs.count_inputs P) as [total|reason|reason] eqn:HT; [|discriminate..].
  destruct (Evaluate.check_evaluate _ _ _) as [found r] eqn:HE. cbn [snd].
  destruct r as [n|reason|reason]; [|discriminate..].
  rewrite andb_true_iff, Z.leb_le, Z.eqb_eq. intros [L E].
  destruct (ProgramParser.parse_program_sound _ _ HP) as (_ & _ & W).
  apply ProgramParser.parse_claim_sound in HC as [_ HC]. apply ProgramParser.spelled_claim_passes in HC.
  destruct (EvaluateSound.check_evaluate_sound _ _ _ _ _ W HC HE) as (inputs & H1 & H2 & H3 & H4).
  exists P, inputs. apply Inputs.count_inputs_sound in HT.
  repeat split; try easy; [now rewrite <- E, HT|].
  apply Z.le_ge. now apply Z.le_trans with n.
Qed.
