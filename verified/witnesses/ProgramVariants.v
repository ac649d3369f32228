(** * Unsound variants of the rule [evaluate] break its lemmas

    For each of typical mistakes, the lemma that the sound enclosure satisfies is shown to be false of the
    variant. *)

From Coq Require Import Reals ZArith List Lia Lra Bool.
From CompactProofs Require Import Syntax Arithmetic Tasks ProgramSemantics Balls Enclosures Evaluate
  EvaluateSound.
Import ListNotations.
Open Scope R_scope.

Lemma near_one p c r y : near p (Ball [c] r) [y] -> Rabs (y * pow2 p - IZR c) <= IZR r.
Proof. intros [_ H]. apply (H 0%nat). Qed.

Lemma near_exact k : near 0 (Ball [k] 0) [IZR k].
Proof.
  apply near_entries; [easy|lia|]. intros [|j] J; [|simpl in J; lia]. cbn [nth].
  rewrite pow2_0, Rmult_1_r, Rminus_diag_eq, Rabs_R0 by easy. lra.
Qed.

(** ** A forgotten radius

    The product with a matrix keeps the radius of its operand ([linear_near]). *)
Definition linear_ball_without_radius (w : Z) (U : list (list Z)) (b : ball) : ball :=
  Ball (map (fun k => shift_down k (- w)) (mix_centres (centres b) U)) (radius b).

Lemma forgetting_a_radius_is_unsound :
  ~ forall p w U o M b y, near p b y -> Forall2 (rounds w o) U M -> (0 <= o)%Z ->
    near p (linear_ball_without_radius w U b) (times y M).
Proof.
  intros H. set (half := Dyadic [[1%Z]] (-1)).
  specialize (H 0%Z 1%Z _ _ _ _ _ (near_exact 1) (matrix_rounds 1 half) (off_nonneg 1 half)).
  unfold linear_ball_without_radius in H. cbn in H. apply near_one in H. rewrite pow2_0 in H.
  change (Pos.to_nat 1) with 1%nat in H. rewrite pow_1 in H. apply Rabs_le_iff in H. lra.
Qed.

(** ** A norm without eps ([rms_near]) *)

Definition rms_ball_without_eps (p : Z) (b : ball) : ball := rms_ball p (Scalar 0 0) b.

Lemma a_norm_without_eps_is_unsound :
  ~ forall p eps b y, (0 <= p)%Z -> (0 < mantissa eps)%Z -> near p b y ->
    near p (rms_ball_without_eps p b) (rms (real eps) y).
Proof.
  intros H. assert (E : near 4 (Ball [16%Z] 0) [1]).
  { apply near_entries; [easy|lia|]. intros [|j] J; [|simpl in J; lia]. cbn [nth].
    change (pow2 4) with (2 * (2 * (2 * (2 * 1)))). apply Rabs_le_iff. lra. }
  specialize (H 4%Z (Scalar 3 0) _ _ ltac:(lia) ltac:(simpl; lia) E).
  change (rms_ball_without_eps 4 {| centres := [16%Z]; radius := 0 |}) with (Ball [16%Z] 3) in H.
  unfold rms, mean, row_sum, real in H. cbn [map fold_right length mantissa power INR powerRZ] in H.
  apply near_one in H. replace ((1 * 1 + 0) / 1 + 3 * 1) with (2 * 2) in H by field.
  rewrite sqrt_square in H by lra. change (pow2 4) with (2 * (2 * (2 * (2 * 1)))) in H.
  apply Rabs_le_iff in H. lra.
Qed.

(** ** A mask off by one

    A row sees the one after it, too ([seen_ok], by which the rows that are added are those of [seen]). *)
Definition seen_too_much {A} (j : nat) (l : list A) : list A := firstn (S (S j)) l.

Lemma a_mask_off_by_one_is_unsound :
  ~ forall p j l M, Forall2 (near p) l M ->
    near p (total_ball (seen_too_much j l)) (fold_right plus [] (seen true j M)).
Proof.
  intros H. specialize (H 0%Z 0%nat [Ball [0%Z] 0; Ball [1%Z] 0] [[0]; [1]]).
  assert (E : near 0 (total_ball (seen_too_much 0 [Ball [0%Z] 0; Ball [1%Z] 0]))
                (fold_right plus [] (seen true 0 [[0]; [1]]))).
  { apply H. constructor; [|constructor; [|constructor]]; apply near_exact. }
  change (near 0 (Ball [1%Z] 0) [0]) in E. apply near_one in E. rewrite pow2_0 in E.
  apply Rabs_le_iff in E. lra.
Qed.

(** ** A bias dropped ([add_near]) *)

Lemma dropping_a_bias_is_unsound :
  ~ forall p b y A, near p b y -> near p b (plus y (only_row A)).
Proof.
  intros H. specialize (H _ _ _ (Dyadic [[1%Z]] 0) (near_exact 0)). unfold only_row, matrix in H. cbn in H.
  apply near_one in H. rewrite pow2_0 in H. apply Rabs_le_iff in H. lra.
Qed.

(** ** A wrong state of an automaton

    The output of the state before the last token ([wins_in_correct] with other labels). *)
Definition labels_before (t : task) (x : list nat) : option (list nat) :=
  match task_rule t with
  | Automaton backwards false states alphabet table outputs =>
      let x := map (fun j => nth j x 0%nat) (looks_at t) in
      outputs_labels [nth (last (removelast (visited alphabet table 0 (if backwards then rev x else x))) 0%nat)
                          outputs 0%nat]
  | _ => labels t x
  end.

(** The parity of a token, and a model that always answers 0. *)
Definition even_always : program := {|
  the_task := Task (Automaton false false 2 2 [0; 1; 1; 0]%nat [1; 2]%nat) [0%nat];
  token_sets := [[1%nat]];
  tensors := [Dyadic [[1; 0]]%Z 0];
  steps := [Constant 0]
|}.

Lemma a_wrong_state_is_unsound :
  ~ forall P x ls, labels_before (the_task P) x = Some ls -> Forall2 answers ls (logits P x) -> correct P x.
Proof.
  intros H. destruct (H even_always [1%nat] [0%nat] eq_refl) as (ls & L & C).
  - unfold logits, matrix. cbn. constructor; [|constructor]. split; [simpl; lia|].
    intros [|[|o]] Ho N; simpl in *; try lia. lra.
  - injection L as <-. unfold logits, matrix in C. cbn in C. inversion C as [|l r ? ? [_ A] _]; subst.
    specialize (A 0%nat ltac:(simpl; lia) ltac:(lia)). simpl in A. lra.
Qed.

(** ** A tie passes ([wins_answers]) *)

Lemma letting_a_tie_pass_is_unsound :
  ~ forall p b r l, near p b r -> (l < length (centres b))%nat ->
    (forall o, o <> l -> (nth o (centres b) 0 <= nth l (centres b) 0 - 2 * radius b)%Z) -> answers l r.
Proof.
  intros H. destruct (H 0%Z (Ball [0; 0]%Z 0) [0; 0] 0%nat) as [_ A].
  - apply near_entries; [easy|lia|]. intros [|[|j]] J; cbn [nth]; try (simpl in J; lia);
      rewrite pow2_0, Rmult_1_r, Rminus_0_r, Rabs_R0; lra.
  - simpl. lia.
  - intros [|[|o]] _; simpl; try lia. destruct o; lia.
  - specialize (A 1%nat ltac:(simpl; lia) ltac:(lia)). simpl in A. lra.
Qed.
