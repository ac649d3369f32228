(** * How a check ends other than by acceptance

    Mirrors [checker/errors.py]: a file is *declined* when it cannot be judged and *rejected* when it is well
    formed but one of its claims is not established. *)

From Coq Require Import String.

Inductive result (A : Type) :=
| Ok (a : A)
| Reject (reason : string)
| Decline (reason : string).
Arguments Ok {A} a.
Arguments Reject {A} reason.
Arguments Decline {A} reason.

Definition bind {A B} (r : result A) (f : A -> result B) : result B :=
  match r with
  | Ok a => f a
  | Reject reason => Reject reason
  | Decline reason => Decline reason
  end.

Notation "'do' x <- r ; f" := (bind r (fun x => f)) (at level 200, x pattern, r at level 100, f at level 200).

Lemma bind_ok {A B} (r : result A) (f : A -> result B) b :
  bind r f = Ok b -> exists a, r = Ok a /\ f a = Ok b.
Proof. destruct r; simpl; [eauto|discriminate..]. Qed.
