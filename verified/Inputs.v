(** * How many inputs a program has

    Mirrors [count] of [checker/inputs.py]. *)

From Coq Require Import Reals ZArith List Lia Bool String.
From CompactProofs Require Import Counting Outcome Tasks ProgramSemantics Evaluate.
Import ListNotations.
Open Scope Z_scope.

Definition labelled (t : task) (x : list nat) : bool :=
  match labels t x with Some _ => true | None => false end.

(** How many sequences with labels begin with [rev before] and go on by a token of each set. *)
Fixpoint count_labelled (t : task) (before : list nat) (sets : list (list nat)) : Z :=
  match sets with
  | [] => if labelled t (rev before) then 1 else 0
  | allowed :: rest => total (fun token => count_labelled t (token :: before) rest) allowed
  end.

Definition count_inputs (P : program) : result Z :=
  let all := size_of_sets (token_sets P) in
  if always_labelled (task_rule (the_task P)) then Ok all
  else if max_sequences <? all then Decline "more sequences than max_sequences"
  else Ok (count_labelled (the_task P) [] (token_sets P)).

Lemma always_labelled_labelled t x : always_labelled (task_rule t) = true -> labelled t x = true.
Proof.
  intros H. unfold labelled, labels.
  pose proof (always_labelled_labels (task_rule t) (map (fun j => nth j x O) (looks_at t)) H).
  now destruct (rule_labels _ _).
Qed.

Lemma length_sequences sets : Z.of_nat (List.length (sequences sets)) = size_of_sets sets.
Proof.
  induction sets as [|allowed rest IH]; [easy|]. cbn [sequences size_of_sets fold_right].
  fold (size_of_sets rest). rewrite <- IH.
  induction allowed as [|t allowed IHa]; cbn [flat_map List.length]; [easy|].
  rewrite app_length, map_length, !Nat2Z.inj_add, IHa, Nat2Z.inj_succ. lia.
Qed.

Lemma count_labelled_length t sets : forall before,
  count_labelled t before sets
  = Z.of_nat (List.length (filter (fun y => labelled t (rev before ++ y)) (sequences sets))).
Proof.
  induction sets as [|allowed rest IH]; intros before; cbn [count_labelled sequences filter].
  - rewrite app_nil_r. now destruct (labelled t (rev before)).
  - rewrite (total_ext _ (fun token => Z.of_nat (List.length
      (filter (fun y => labelled t (rev before ++ token :: y)) (sequences rest))))).
    + induction allowed as [|token allowed IHa]; cbn [total flat_map]; [easy|].
      rewrite filter_app, app_length, Nat2Z.inj_add, IHa. f_equal. f_equal. clear IH IHa.
      induction (sequences rest) as [|y l IHl]; cbn [map filter]; [easy|].
      destruct (labelled t (rev before ++ token :: y)); cbn [List.length]; [f_equal|]; exact IHl.
    + intros token _. rewrite IH. cbn [rev]. f_equal. f_equal. apply filter_ext. intros y.
      now rewrite <- app_assoc.
Qed.

Lemma count_inputs_sound P T : count_inputs P = Ok T -> T = number_of_inputs P.
Proof.
  unfold count_inputs, number_of_inputs, inputs. intros H.
  assert (E : filter (fun x => match labels (the_task P) x with Some _ => true | None => false end)
                (sequences (token_sets P))
              = filter (fun y => labelled (the_task P) (rev [] ++ y)) (sequences (token_sets P)))
    by now apply filter_ext.
  rewrite E. destruct (always_labelled _) eqn:A.
  - injection H as <-. rewrite <- length_sequences. f_equal.
    induction (sequences (token_sets P)) as [|y l IH]; cbn [filter]; [easy|].
    rewrite always_labelled_labelled by easy. cbn [List.length]. now rewrite <- IH.
  - destruct (max_sequences <? _); [discriminate|]. injection H as <-. apply count_labelled_length.
Qed.
