(** * Every value of a program has the shape that its steps give it

    [plus], [entrywise] and [times] say nothing sensible of rows whose lengths do not fit. In a program that is
    read from a file, they are never used so: each value has the shape that [all_shapes] computes. *)

From Coq Require Import Reals ZArith List Lia Bool Arith.
From CompactProofs Require Import Syntax Text Parser Tasks ProgramSemantics Balls Activations
  Evaluate EvaluateSound ProgramParser.
Import ListNotations.
Local Open Scope nat_scope.

(** A value of so many rows, at least one, of so many entries each. *)
Definition shaped (M : list row) (a : nat * nat) : Prop :=
  1 <= fst a /\ length M = fst a /\ Forall (fun r => length r = snd a) M.

Definition tensor_ok (A : dyadic) : Prop := shaped (matrix A) (shape_of A).

Lemma shaped_row M a j : shaped M a -> j < fst a -> length (nth j M []) = snd a.
Proof. intros (_ & L & F) H. rewrite Forall_forall in F. apply F, nth_In. lia. Qed.

Lemma shaped_map (f : row -> row) M a n : shaped M a ->
  (forall r, length r = snd a -> length (f r) = n) -> shaped (map f M) (fst a, n).
Proof.
  intros (N & L & F) H. split; [easy|]. split; [now rewrite map_length|]. apply Forall_forall. intros r Hr.
  apply in_map_iff in Hr as (r' & <- & Hr). rewrite Forall_forall in F. apply H, F, Hr.
Qed.

Lemma shaped_map_rows (f : nat -> row -> row) M a n : shaped M a ->
  (forall j, j < fst a -> length (f j (nth j M [])) = n) -> shaped (map_rows f M) (fst a, n).
Proof.
  intros (N & L & F) H. split; [easy|]. split; [now rewrite length_map_rows|]. apply Forall_forall. intros r Hr.
  unfold map_rows in Hr. apply in_map_iff in Hr as (j & <- & Hj). apply in_seq in Hj. apply H. lia.
Qed.

Lemma length_total n M : M <> [] -> Forall (fun r => length r = n) M -> length (fold_right plus [] M) = n.
Proof.
  intros N H. destruct H as [|r M Hr H]; [easy|]. clear N. cbn [fold_right]. rewrite length_plus, Hr.
  assert (length (fold_right plus [] M) <= n); [|lia].
  induction H as [|s M Hs _ IH]; simpl; [lia|]. rewrite length_plus. lia.
Qed.

Lemma length_product n M : Forall (fun r => length r = n) M -> forall y, y <> [] -> M <> [] ->
  length (times y M) = n.
Proof.
  intros H y Hy HM. destruct y as [|x y]; [easy|]. destruct H as [|r M Hr H]; [easy|].
  cbn [times]. rewrite length_plus, map_length, Hr. assert (length (times y M) <= n); [|lia]. clear - H.
  revert y. induction H as [|s M Hs _ IH]; intros [|z y]; simpl; try lia.
  rewrite length_plus, map_length. specialize (IH y). lia.
Qed.

Lemma seen_shaped causal j M a : shaped M a ->
  seen causal j M <> [] /\ Forall (fun r => length r = snd a) (seen causal j M).
Proof.
  intros (N & L & F). unfold seen. destruct causal.
  - split; [destruct M; [simpl in L; lia|easy]|]. rewrite <- (firstn_skipn (S j)) in F.
    now apply Forall_app in F.
  - split; [destruct M; [simpl in L; lia|easy]|easy].
Qed.

Section Shapes.
Variable P : program.
Hypothesis tensors_ok : Forall tensor_ok (tensors P).
Hypothesis positions_ok : 1 <= length (token_sets P).
Variable input : list nat.
Hypothesis input_ok : Forall2 (fun t allowed => In t allowed) input (token_sets P).

Lemma length_input : length input = length (token_sets P).
Proof. exact (Balls.forall2_length _ _ _ input_ok). Qed.

Lemma tensor_shaped W a : tensor_shape P W = Some a -> shaped (matrix (tensor (tensors P) W)) a.
Proof.
  unfold tensor_shape. destruct (nth_error (tensors P) W) as [A|] eqn:E; [|discriminate]. intros [= <-].
  unfold tensor. rewrite (nth_error_nth _ _ _ E). rewrite Forall_forall in tensors_ok.
  apply tensors_ok. eapply nth_error_In, E.
Qed.

Lemma value_shaped M shapes x a : Forall2 shaped M shapes -> nth_error shapes x = Some a ->
  shaped (nth x M []) a.
Proof.
  intros H. revert x. induction H as [|V b M shapes Hb _ IH]; intros [|x]; simpl; try discriminate; [|apply IH].
  intros [= <-]. exact Hb.
Qed.

Lemma same_shape_eq a b : same_shape a b = true -> a = b.
Proof.
  unfold same_shape. rewrite andb_true_iff, !Nat.eqb_eq. destruct a, b. simpl. intros []. now subst.
Qed.

Ltac operand := match goal with
  | |- match tensor_shape P ?W with _ => _ end = _ -> _ =>
      let E := fresh "E" in destruct (tensor_shape P W) eqn:E; [apply tensor_shaped in E|discriminate]
  | |- match nth_error ?l ?x with _ => _ end = _ -> _ =>
      let E := fresh "E" in destruct (nth_error l x) eqn:E; [|discriminate]
  | |- needs ?t _ = _ -> _ =>
      let E := fresh "T" in unfold needs; destruct t eqn:E; [|discriminate]
  end.

Lemma only_row_shaped W n : shaped (matrix (tensor (tensors P) W)) (1, n) ->
  length (only_row (tensor (tensors P) W)) = n.
Proof. intros H. apply (shaped_row _ _ 0 H). simpl. lia. Qed.

Lemma input_token j tokens : nth_error (token_sets P) j = Some tokens -> In (nth j input 0) tokens.
Proof.
  revert j. clear - input_ok. induction input_ok as [|t s x sets Ht H IH]; intros [|j] E; simpl in *;
    try discriminate.
  - now injection E as <-.
  - now apply IH.
Qed.

Lemma step_shaped M shapes s a : Forall2 shaped M shapes -> step_shape P shapes s = Some a ->
  (forall x l, s = Rows x l -> l <> []) ->
  shaped (apply (tensors P) input (fun x => nth x M []) s) a.
Proof.
  intros HM HS HR. pose proof (fun x b => value_shaped M shapes x b HM) as V. revert HS.
  destruct s; cbn [step_shape apply]; repeat operand; intros [= <-].
  - (* embed *) split; [easy|]. split; [cbn [fst]; now rewrite map_length, length_input|].
    apply Forall_forall. intros r Hr. apply in_map_iff in Hr as (t & <- & Ht). cbn [snd].
    apply (shaped_row _ _ t E). rewrite forallb_forall in T. apply (In_nth _ _ 0) in Ht as (j & Hj & <-).
    destruct (nth_error (token_sets P) j) as [tokens|] eqn:J;
      [|apply nth_error_None in J; rewrite length_input in Hj; lia].
    pose proof (input_token _ _ J) as I. specialize (T _ (nth_error_In _ _ J)).
    unfold below in T. rewrite forallb_forall in T. apply Nat.ltb_lt. now apply T.
  - (* embed_at *) split; [simpl; lia|]. split; [easy|]. constructor; [|constructor]. cbn [snd].
    apply (shaped_row _ _ _ E). apply input_token in E0. unfold below in T. rewrite forallb_forall in T.
    apply Nat.ltb_lt. now apply T.
  - (* constant *) exact E.
  - (* linear *) apply V in E. apply Nat.eqb_eq in T. apply shaped_map with (1 := E). intros r Hr.
    destruct E0 as (N & L & F). apply length_product; [easy| |].
    + destruct r; [simpl in Hr; lia|easy].
    + destruct (matrix _); [simpl in L; lia|easy].
  - (* bias *) apply V in E. apply same_shape_eq in T. subst. rewrite (surjective_pairing p).
    apply shaped_map with (1 := E). intros r Hr. apply only_row_shaped in E0. rewrite length_plus. lia.
  - (* times *) apply V in E. apply same_shape_eq in T. subst. rewrite (surjective_pairing p).
    apply shaped_map with (1 := E). intros r Hr. apply only_row_shaped in E0.
    rewrite Enclosures.length_entrywise. lia.
  - (* add *) apply V in E, E0. apply same_shape_eq in T. subst. rewrite (surjective_pairing p0).
    apply shaped_map_rows with (1 := E). intros j Hj. rewrite length_plus, !(shaped_row _ p0) by easy. lia.
  - (* product *) apply V in E, E0. apply same_shape_eq in T. subst. rewrite (surjective_pairing p0).
    apply shaped_map_rows with (1 := E). intros j Hj.
    rewrite Enclosures.length_entrywise, !(shaped_row _ p0) by easy. lia.
  - (* activation *) apply V in E. rewrite (surjective_pairing p). apply shaped_map with (1 := E).
    intros r Hr. now rewrite map_length.
  - (* center *) apply V in E. rewrite (surjective_pairing p). apply shaped_map with (1 := E).
    intros r Hr. unfold centred. now rewrite map_length.
  - (* rms *) apply V in E. rewrite (surjective_pairing p). apply shaped_map with (1 := E).
    intros r Hr. unfold rms. now rewrite map_length.
  - (* attend *) apply V in E, E0, E1. apply andb_true_iff in T as [T1 T2].
    apply same_shape_eq in T1. apply Nat.eqb_eq in T2. subst.
    rewrite (surjective_pairing p1). rewrite <- T2. apply shaped_map_rows with (1 := E).
    intros j Hj. destruct (seen_shaped causal j _ _ E1) as [N F].
    destruct (seen_shaped causal j _ _ E0) as [N' _].
    apply length_product; [easy| |easy]. unfold softmax. now destruct (seen causal j (nth k M [])).
  - (* attend_sum *) apply V in E. rewrite (surjective_pairing p). apply shaped_map_rows with (1 := E).
    intros j Hj. destruct (seen_shaped causal j _ _ E) as [N F]. now apply length_total.
  - (* rows *) apply V in E. specialize (HR _ _ eq_refl). split; [destruct l; [easy|simpl; lia]|].
    split; [now rewrite map_length|]. apply Forall_forall. intros r Hr. apply in_map_iff in Hr as (i & <- & Hi).
    apply (shaped_row _ _ _ E). unfold below in T. rewrite forallb_forall in T. apply Nat.ltb_lt. now apply T.
  - (* total *) apply V in E. split; [simpl; lia|]. split; [easy|]. constructor; [|constructor].
    destruct E as (N & L & F). apply length_total; [|easy]. destruct (nth x M []); [simpl in L; lia|easy].
Qed.

Lemma run_shaped ss : (forall x l, In (Rows x l) ss -> l <> []) -> forall M shapes final,
  Forall2 shaped M shapes -> all_shapes P shapes ss = Some final ->
  Forall2 shaped (run (tensors P) input M ss) final.
Proof.
  induction ss as [|s ss IH]; intros HR M shapes final HM H; cbn [all_shapes run] in *.
  - now injection H as <-.
  - destruct (step_shape P shapes s) as [a|] eqn:E; [|discriminate].
    destruct (_ <=? _)%Z; [|discriminate]. apply (IH (fun x l Hl => HR x l (or_intror Hl)) _ _ _) with (2 := H).
    apply Forall2_app; [easy|]. constructor; [|constructor]. apply step_shaped with (1 := HM); [easy|].
    intros x l ->. apply (HR x l). now left.
Qed.

End Shapes.

Lemma valid_tensor_ok i A : valid (tensor_format i) A -> tensor_ok A.
Proof.
  intros [[V _] _]. destruct V as (_ & Vm & Vn & _ & L & F). cbn [fst snd] in *.
  apply valid_size_least in Vm, Vn. unfold tensor_ok, shaped, shape_of, matrix. cbn [fst snd].
  rewrite map_length. split; [lia|]. split; [easy|]. apply Forall_forall. intros r Hr.
  apply in_map_iff in Hr as (r' & <- & Hr'). rewrite map_length. rewrite Forall_forall in F.
  apply (valid_line_length (length (hd [] (rows A))) r'); [lia|exact (F r' Hr')].
Qed.

(** What a file spells has values of the shapes that are computed, for every input. *)
Theorem spelled_program_shaped P : spelled_program P ->
  exists shapes, all_shapes P [] (steps P) = Some shapes /\
  forall input, is_input P input -> Forall2 shaped (run (tensors P) input [] (steps P)) shapes.
Proof.
  intros [[V _] T]. apply andb_true_iff in T as [_ T]. unfold shapes_fit in T.
  destruct (all_shapes P [] (steps P)) as [shapes|] eqn:E; [|discriminate]. exists shapes. split; [easy|].
  intros input [I _].
  destruct V as (_ & Vp & Vt & Vs & _). cbn [fst snd] in *.
  destruct Vp as [[Vp _] _], Vt as [[_ Vt] _], Vs as [[_ [_ Vs]] _]. cbn [fst snd] in *.
  apply run_shaped with (shapes := []); auto.
  - revert Vt. generalize 0 at 1. generalize (length (tensors P)) as n. intros n.
    generalize (tensors P) as l. induction n as [|n IH]; intros l i; simpl.
    + intros ->. constructor.
    + intros [[V' Vl] _]. destruct l as [|A l]; [destruct V'|]. constructor; [now apply (valid_tensor_ok i)|].
      now apply (IH l (S i)).
  - destruct Vp as (_ & Vp & _). apply Z.leb_le in Vp. lia.
  - intros x l Hl. rewrite Forall_forall in Vs. apply Vs in Hl. destruct Hl as [[_ Hl] _].
    cbn [fst snd step_head step_rest] in Hl. destruct Hl as [Hl _]. destruct Hl as [[(_ & Hl & _) _] _].
    cbn [fst snd] in Hl. apply Z.leb_le in Hl. destruct l; [simpl in Hl; lia|easy].
Qed.
