(** * Rule [evaluate] is sound *)

From Coq Require Import Reals ZArith List Lia Lra Bool String.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Matrices Outcome Tasks ProgramSemantics
  Balls Enclosures
  Activations Packing Evaluate.
Import ListNotations.
Open Scope Z_scope.

(** ** Rows *)

(** What is known of the rows of a value is true. *)
Definition value_ok (p : Z) (cells : list cell) (M : list row) : Prop :=
  List.length cells = List.length M /\
  forall j b, nth j cells Pending = Known b -> near p b (nth j M []).

Definition pass_ok (K : pass) : Prop := 0 <= value_bits K <= exponential_bits K.

(** What soundness needs of a step. *)
Definition step_ok (s : step) : Prop :=
  match s with
  | Rms _ eps => 0 < mantissa eps
  | Attend _ _ _ _ _ m => (1 <= m)%nat
  | _ => True
  end.

Lemma value_ok_nil p : value_ok p [] [].
Proof. split; [easy|]. intros [|j] b; discriminate. Qed.

Lemma nth_value_ok p values M : Forall2 (value_ok p) values M -> forall x,
  value_ok p (nth x values []) (nth x M []).
Proof.
  induction 1 as [|c m values M H _ IH]; intros [|x]; simpl; auto using value_ok_nil.
Qed.

Lemma nth_forall2 {A B} (R : A -> B -> Prop) a b d d' : Forall2 R a b -> R d d' -> forall j,
  R (nth j a d) (nth j b d').
Proof. induction 1; intros D [|j]; simpl; auto. Qed.

Lemma all_known_near p cells : forall M bs, value_ok p cells M -> all_known cells = Some bs ->
  Forall2 (near p) bs M.
Proof.
  induction cells as [|c cells IH]; intros [|r M] bs [L H] E; try discriminate L.
  - injection E as <-. constructor.
  - destruct c as [| |b]; try discriminate E. cbn [all_known] in E.
    destruct (all_known cells) as [bs'|] eqn:E'; [|discriminate]. injection E as <-. constructor.
    + now apply (H 0%nat).
    + apply IH; [|easy]. split; [simpl in L; lia|]. intros j. apply (H (S j)).
Qed.

Lemma seen_ok p causal j cells M : value_ok p cells M -> value_ok p (seen causal j cells) (seen causal j M).
Proof.
  intros [L H]. unfold seen. destruct causal; [|easy]. split; [rewrite !firstn_length; lia|].
  intros i b E. destruct (Nat.lt_ge_cases i (S j)) as [I|I].
  - assert (F : forall A (l : list A) d, nth i (firstn (S j) l) d = nth i l d).
    { clear - I. intros A. revert i I. generalize (S j) as n. induction n as [|n IH];
      intros [|i] I [|a l] d; simpl; try lia; try easy.
      apply IH. lia. }
    rewrite F in E |- *. now apply H.
  - rewrite nth_overflow in E by (rewrite firstn_length; lia). discriminate.
Qed.

Lemma nth_map_rows {A} (f : nat -> row -> A) M j d : (j < List.length M)%nat ->
  nth j (map_rows f M) d = f j (nth j M []).
Proof.
  intros H. unfold map_rows. rewrite nth_indep with (d' := f 0%nat (nth 0 M [])) by now rewrite map_length
    , seq_length.
  rewrite (map_nth (fun j => f j (nth j M []))). now rewrite seq_nth.
Qed.

Lemma length_map_rows {A} (f : nat -> row -> A) M : List.length (map_rows f M) = List.length M.
Proof. unfold map_rows. now rewrite map_length, seq_length. Qed.

Section Sound.
Variable A : list dyadic.
Variable K : pass.
Hypothesis K_ok : pass_ok K.
Variable input : list nat.

Let p := value_bits K.
Let Q := prepare A K.

(** The tokens that are taken to be fixed are those of the input. *)
Definition tokens_ok (known : nat -> option nat) : Prop :=
  forall j t, known j = Some t -> (j < List.length input)%nat /\ nth j input O = t.

Lemma tensor_of_rounded W : tensor_of Q W = round_tensor K (tensor A W) \/
  (tensor_of Q W = Rounded [] [] no_matrix 0 /\ tensor A W = Dyadic [] 0).
Proof.
  unfold tensor_of, tensor. cbn [Q prepare rounded_tensors].
  destruct (Nat.lt_ge_cases W (List.length A)) as [H|H].
  - left. rewrite nth_indep with (d' := round_tensor K (Dyadic [] 0)) by now rewrite map_length.
    apply map_nth.
  - right. rewrite !nth_overflow by (try rewrite map_length; lia). easy.
Qed.

Lemma in_values_near W j : near p (nth j (in_values (tensor_of Q W)) nowhere) (nth j (matrix (tensor A W)) []).
Proof.
  destruct (tensor_of_rounded W) as [->|[-> ->]].
  - apply nth_forall2; [apply weight_balls_near|apply empty_near].
  - destruct j; apply empty_near.
Qed.

Lemma in_weights_near W j :
  near (weight_bits K) (nth j (in_weights (tensor_of Q W)) nowhere) (nth j (matrix (tensor A W)) []).
Proof.
  destruct (tensor_of_rounded W) as [->|[-> ->]].
  - apply nth_forall2; [apply weight_balls_near|apply empty_near].
  - destruct j; apply empty_near.
Qed.

Lemma linear_row_near W b y : near p b y ->
  near p (linear_ball (weight_bits K) (mix (centres b) (product (tensor_of Q W))) (product_off (tensor_of Q W))
            (most (product (tensor_of Q W))) b) (times y (matrix (tensor A W))).
Proof.
  intros H. destruct (tensor_of_rounded W) as [->|[-> ->]].
  - cbn [round_tensor product product_off]. rewrite mix_pack. cbn [pack_matrix most]. apply linear_near;
    [easy|..].
    + apply matrix_rounds.
    + apply off_nonneg.
  - cbn [product product_off no_matrix most mix].
    replace (mix (centres b) _) with (mix_centres (centres b) []).
    + now apply (linear_near _ _ [] 0 []); [|constructor|].
    + unfold mix. cbn. now rewrite andb_false_r.
Qed.

Lemma lift_known f c b : lift f c = Known b -> exists b', c = Known b' /\ b = f b'.
Proof. destruct c; simpl; intros E; try discriminate. injection E as <-. eauto. Qed.

Lemma lift2_known f c c' b : lift2 f c c' = Known b ->
  exists b1 b2, c = Known b1 /\ c' = Known b2 /\ b = f b1 b2.
Proof. destruct c, c'; simpl; intros E; try discriminate. injection E as <-. eauto. Qed.

Lemma lift_all_known f l b : lift_all f l = Known b -> exists bs, all_known l = Some bs /\ b = f bs.
Proof. unfold lift_all. destruct (all_known l); intros E; try discriminate. injection E as <-. eauto. Qed.

Lemma apply_map (f : row -> row) M j : (j < List.length (map f M))%nat ->
  nth j (map f M) [] = f (nth j M []).
Proof. intros H. rewrite nth_indep with (d' := f []) by easy. apply map_nth. Qed.

Lemma row_of_step_near known values M s j b :
  tokens_ok known -> Forall2 (value_ok p) values M -> step_ok s ->
  let V := apply A input (fun x => nth x M []) s in
  (j < List.length V)%nat -> row_of_step Q known values s j = Known b -> near p b (nth j V []).
Proof.
  intros HT HV HS V Hj. pose proof (nth_value_ok _ _ _ HV) as HV'. unfold pass_ok in K_ok. fold p in K_ok.
  assert (C : forall x i b', cell_of values x i = Known b' -> near p b' (nth i (nth x M []) [])).
  { intros x i b' E. destruct (HV' x) as [_ H]. now apply H. }
  assert (T : forall i W, looked_up Q known i W = Known b ->
            near p b (nth (nth i input O) (matrix (tensor A W)) [])).
  { intros i W. unfold looked_up. destruct (known i) as [t|] eqn:E; [|discriminate]. intros [= <-].
    destruct (HT i t E) as [_ ->]. apply in_values_near. }
  destruct s; cbn [row_of_step apply] in V |- *; unfold V in *; clear V; intros E;
    cbn [Q prepare bits_of table] in E;
    fold p in E; fold Q in E.
  - (* embed *) rewrite map_length in Hj.
    rewrite nth_indep with (d' := nth O (matrix (tensor A W)) []) by now rewrite map_length.
    rewrite (map_nth (fun t => nth t (matrix (tensor A W)) []) input O j). now apply T.
  - (* embed_at *) destruct j as [|j]; [|simpl in Hj; lia]. simpl nth at 1. now apply T.
  - (* constant *) injection E as <-. apply in_values_near.
  - (* linear *) apply lift_known in E as (b' & E & ->). rewrite apply_map by easy.
    apply linear_row_near. now apply C.
  - (* bias *) apply lift_known in E as (b' & E & ->). rewrite apply_map by easy.
    apply add_near; [now apply C|apply in_values_near].
  - (* times *) apply lift_known in E as (b' & E & ->). rewrite apply_map by easy.
    apply product_near; [now apply C|apply in_weights_near].
  - (* add *) apply lift2_known in E as (b1 & b2 & E1 & E2 & ->). rewrite length_map_rows in Hj.
    rewrite nth_map_rows by easy. apply add_near; now apply C.
  - (* product *) apply lift2_known in E as (b1 & b2 & E1 & E2 & ->). rewrite length_map_rows in Hj.
    rewrite nth_map_rows by easy. apply product_near; now apply C.
  - (* activation *) apply lift_known in E as (b' & E & ->). rewrite apply_map by easy.
    apply activation_near; [easy|]. now apply C.
  - (* center *) apply lift_known in E as (b' & E & ->). rewrite apply_map by easy.
    apply center_near. now apply C.
  - (* rms *) apply lift_known in E as (b' & E & ->). rewrite apply_map by easy.
    apply rms_near; [lia|easy|]. now apply C.
  - (* attend *) rewrite length_map_rows in Hj. rewrite nth_map_rows by easy.
    destruct (cell_of values q j) as [| |bq] eqn:Eq; try discriminate E.
    destruct (all_known (seen causal j (nth k values []))) as [ks|] eqn:Ek; [|discriminate].
    apply lift_all_known in E as (vs & Ev & ->). apply attend_near; [easy|easy|now apply C|..].
    + eapply all_known_near; [|exact Ek]. apply seen_ok, HV'.
    + eapply all_known_near; [|exact Ev]. apply seen_ok, HV'.
  - (* attend_sum *) rewrite length_map_rows in Hj. rewrite nth_map_rows by easy.
    apply lift_all_known in E as (vs & Ev & ->). apply total_near.
    eapply all_known_near; [|exact Ev]. apply seen_ok, HV'.
  - (* rows *) rewrite map_length in Hj.
    rewrite nth_indep with (d' := nth O (nth x M []) []) by now rewrite map_length.
    rewrite (map_nth (fun i => nth i (nth x M []) []) l O j). now apply C.
  - (* total *) destruct j as [|j]; [|simpl in Hj; lia]. apply lift_all_known in E as (vs & Ev & ->).
    apply total_near. eapply all_known_near; [apply HV'|exact Ev].
Qed.

(** The values of the steps [ss] alone. *)
Fixpoint results (M : list (list row)) (ss : list step) : list (list row) :=
  match ss with
  | [] => []
  | s :: rest => let V := apply A input (fun x => nth x M []) s in V :: results (M ++ [V]) rest
  end.

Lemma run_results ss : forall M, run A input M ss = M ++ results M ss.
Proof.
  induction ss as [|s ss IH]; intros M; simpl; [now rewrite app_nil_r|]. rewrite IH, <- app_assoc. easy.
Qed.

Lemma length_results ss : forall M, List.length (results M ss) = List.length ss.
Proof. induction ss as [|s ss IH]; intros M; simpl; [easy|]. now rewrite IH. Qed.

Lemma fill_rows_ok known values M s : tokens_ok known -> Forall2 (value_ok p) values M -> step_ok s ->
  forall old, value_ok p old (apply A input (fun x => nth x M []) s) ->
  value_ok p (fill_rows Q known values s 0 old) (apply A input (fun x => nth x M []) s).
Proof.
  intros HT HV HS old [L H]. set (V := apply A input (fun x => nth x M []) s) in *.
  assert (F : forall old i, List.length (fill_rows Q known values s i old) = List.length old /\
            forall j b, nth j (fill_rows Q known values s i old) Pending = Known b ->
              (j < List.length old)%nat /\
              (nth j old Pending = Known b \/ row_of_step Q known values s (i + j) = Known b)).
  { clear -K. induction old as [|c old IH]; intros i; cbn [fill_rows List.length].
    - split; [easy|]. intros [|j] b; discriminate.
    - destruct (IH (S i)) as [L H]. split; [now rewrite L|]. intros [|j] b E; cbn [nth] in E |- *.
      + split; [lia|]. rewrite Nat.add_0_r. destruct c; auto; discriminate.
      + rewrite <- plus_n_Sm. destruct (H j b E). split; [lia|easy]. }
  destruct (F old O) as [FL FH]. split; [now rewrite FL|]. intros j b E.
  destruct (FH j b E) as [J [E'|E']]; [now apply H|].
  eapply row_of_step_near; try eassumption. fold V. lia.
Qed.

Lemma fill_ok known : tokens_ok known -> forall ss values M old, Forall step_ok ss ->
  Forall2 (value_ok p) values M -> Forall2 (value_ok p) old (results M ss) ->
  Forall2 (value_ok p) (fill Q known values ss old) (run A input M ss).
Proof.
  intros HT. induction ss as [|s ss IH]; intros values M old HS HV HO; cbn [fill run results] in *.
  - easy.
  - inversion HO as [|cells V old' R Hc HO']; subst. inversion HS; subst.
    apply IH; [easy| |easy]. apply Forall2_app; [easy|]. constructor; [|constructor].
    now apply fill_rows_ok.
Qed.

(** An environment holds what is true of the input. *)
Definition environment_ok (ss : list step) (E : environment) : Prop :=
  Forall2 (value_ok p) E (results [] ss).

Lemma fill_environment_ok known ss E : tokens_ok known -> Forall step_ok ss -> environment_ok ss E ->
  environment_ok ss (fill Q known [] ss E).
Proof.
  intros HT HS HE. unfold environment_ok. change (results [] ss) with ([] ++ results [] ss).
  rewrite <- run_results. apply fill_ok; [easy|easy|constructor|easy].
Qed.

Lemma merge_ok ss E E' : environment_ok ss E -> environment_ok ss E' -> environment_ok ss (merge E E').
Proof.
  unfold environment_ok, merge. generalize (results [] ss) as R. intros R H. revert E'.
  induction H as [|c V E R Hc _ IH]; intros E' H'; inversion H' as [|c' V' E'' R' Hc' HE']; subst; simpl;
    constructor.
  - clear IH HE' H'. destruct Hc as [L H], Hc' as [L' H']. unfold merge_cells.
    split; [rewrite length_zip_with; lia|].
    assert (Z : forall (a b : list cell) j, List.length a = List.length b ->
              nth j (zip_with (fun c c' => match c with Pending => c' | _ => c end) a b) Pending
              = match nth j a Pending with Pending => nth j b Pending | d => d end).
    { induction a as [|x a IHa]; intros [|y b] [|j] Eab; simpl in *; try discriminate; try easy.
      - now destruct x.
      - apply IHa. lia. }
    intros j b. rewrite Z by lia. intros Eb. specialize (H j b). specialize (H' j b).
    destruct (nth j c Pending); auto.
  - now apply IH.
Qed.

Lemma length_apply M s :
  List.length (apply A input (fun x => nth x M []) s)
  = row_count A (List.length input) (map (@List.length row) M) s.
Proof.
  assert (N : forall x, nth x (map (@List.length row) M) O = List.length (nth x M [])).
  { intros x. exact (map_nth (@List.length row) M [] x). }
  destruct s; cbn [apply row_count]; rewrite ?N; unfold matrix; now rewrite ?length_map_rows, ?map_length.
Qed.

Lemma row_counts_results ss : forall M,
  row_counts A (List.length input) (map (@List.length row) M) ss
  = map (@List.length row) (M ++ results M ss).
Proof.
  induction ss as [|s ss IH]; intros M; cbn [row_counts results]; [now rewrite app_nil_r|].
  rewrite <- length_apply.
  replace (map (@List.length row) M ++ [List.length (apply A input (fun x => nth x M []) s)])
    with (map (@List.length row) (M ++ [apply A input (fun x => nth x M []) s])) by now rewrite map_app.
  rewrite IH, <- app_assoc. easy.
Qed.

Lemma blank_ok n ss : List.length input = n -> environment_ok ss (blank A n ss).
Proof.
  intros <-. unfold environment_ok, blank.
  pose proof (row_counts_results ss []) as C. cbn [map app] in C. rewrite C. clear C.
  set (needs := mark_all _ _ _). clearbody needs.
  assert (G : forall (R : list (list row)) i,
    Forall2 (value_ok p)
      (map (fun i => map (fun j => if nth j (nth i needs []) false then Pending else Skipped)
                       (seq 0 (nth i (map (@List.length row) R) O)))
           (seq i (List.length R - i))) (skipn i R)).
  { intros R i. remember (List.length R - i)%nat as m eqn:Em. revert i Em. induction m as [|m IH];
    intros i Em.
    - rewrite skipn_all2 by lia. constructor.
    - assert (E : exists V rest, skipn i R = V :: rest).
      { destruct (skipn i R) as [|V rest] eqn:E; [|eauto]. pose proof (skipn_length i R) as L.
        rewrite E in L. simpl in L. lia. }
      destruct E as (V & rest & E).
      assert (E1 : nth i R [] = V).
      { rewrite <- (firstn_skipn i R), E, app_nth2 by (rewrite firstn_length; lia).
        rewrite firstn_length. replace (i - Nat.min i (List.length R))%nat with O by lia. easy. }
      assert (E2 : skipn (S i) R = rest).
      { clear - E. revert i E. induction R as [|r R IHR]; intros [|i] E; simpl in *; try discriminate;
        [now injection E|].
        now apply IHR. }
      rewrite E. cbn [seq map]. constructor.
      + replace (nth i (map (@List.length row) R) O) with (List.length V)
          by (rewrite <- E1; symmetry; exact (map_nth (@List.length row) R [] i)). split;
            [now rewrite map_length, seq_length|].
        intros j b. destruct (Nat.lt_ge_cases j (List.length V)) as [J|J].
        * rewrite nth_indep with (d' := (fun j => if nth j (nth i needs []) false then Pending else Skipped) O)
            by now rewrite map_length, seq_length.
          rewrite (map_nth (fun j => if nth j (nth i needs []) false then Pending else Skipped)).
          destruct (nth _ (nth i needs []) false); discriminate.
        * rewrite nth_overflow by now rewrite map_length, seq_length. discriminate.
      + rewrite <- E2. apply IH. lia. }
  specialize (G (results [] ss) O). rewrite Nat.sub_0_r in G. now rewrite map_length.
Qed.

(** ** Deciding *)

Lemma others_below_spec l bound c : forall i, others_below l bound i c = true ->
  forall o, (o < List.length c)%nat -> (i + o)%nat <> l -> nth o c 0 < bound.
Proof.
  induction c as [|k c IH]; intros i H o Ho N; [simpl in Ho; lia|].
  cbn [others_below] in H. apply andb_true_iff in H as [H1 H2]. destruct o as [|o]; cbn [nth].
  - apply orb_true_iff in H1 as [H1|H1]; [now apply Z.ltb_lt in H1|]. apply Nat.eqb_eq in H1. lia.
  - apply (IH (S i)); [easy|simpl in Ho; lia|lia].
Qed.

Lemma wins_answers l b r : near p b r -> wins l (Known b) = true -> answers l r.
Proof.
  intros [L H] W. cbn [wins] in W. apply andb_true_iff in W as [W1 W2]. apply Nat.ltb_lt in W1.
  split; [lia|]. intros o Ho N. pose proof (others_below_spec _ _ _ _ W2 o ltac:(lia) ltac:(lia)) as B.
  pose proof (H o) as Ho'. pose proof (H l) as Hl. apply Rabs_le_iff in Ho', Hl.
  apply IZR_lt in B. rewrite minus_IZR, mult_IZR in B. pose proof (pow2_pos p).
  apply Rmult_lt_reg_r with (pow2 p); lra.
Qed.

Lemma all_win_answers ls : forall cells M, value_ok p cells M -> all_win ls cells = true
  -> Forall2 answers ls M.
Proof.
  induction ls as [|l ls IH]; intros [|c cells] [|r M] [L H] W; try discriminate; [constructor|].
  cbn [all_win] in W. apply andb_true_iff in W as [W1 W2]. constructor.
  - destruct c as [| |b]; try discriminate W1. apply (wins_answers l b); [|easy]. now apply (H O).
  - apply (IH cells); [|easy]. split; [simpl in L; lia|]. intros j. apply (H (S j)).
Qed.

Lemma last_value_ok values M : Forall2 (value_ok p) values M -> value_ok p (last values []) (last M []).
Proof.
  induction 1 as [|c m values M H HV IH]; [apply value_ok_nil|].
  destruct HV; [exact H|]. exact IH.
Qed.

End Sound.

(** ** Stages *)

Definition well_formed_program (P : program) : Prop :=
  Forall step_ok (steps P) /\ Forall (@NoDup nat) (token_sets P).

Section Explore.
Variable P : program.
Hypothesis P_ok : well_formed_program P.

Let n := List.length (token_sets P).

Lemma stage_base_ok K x : pass_ok K -> List.length x = n ->
  environment_ok (tensors P) K x (steps P) (stage_base (stage_of P K)).
Proof.
  intros HK Hx. apply fill_environment_ok; [easy|now intros j t|apply P_ok|]. now apply blank_ok.
Qed.

Lemma tokens_of_ok x y : tokens_ok (x ++ y) (tokens_of x).
Proof.
  intros j t E. unfold tokens_of in E. assert (J : (j < List.length x)%nat) by (apply nth_error_Some;
    now rewrite E).
  split; [rewrite app_length; lia|]. rewrite app_nth1 by easy. now apply nth_error_nth.
Qed.

Lemma wins_in_correct K ls x E : pass_ok K -> environment_ok (tensors P) K x (steps P) E ->
  labels (the_task P) x = Some ls -> wins_in (steps P) ls x (stage_of P K) E = true -> correct P x.
Proof.
  intros HK HE HL W. exists ls. split; [easy|]. unfold wins_in in W. unfold logits.
  apply (all_win_answers K) with (2 := W).
  apply last_value_ok. apply fill_ok; [easy| |apply P_ok|constructor|exact HE].
  pose proof (tokens_of_ok x []) as T. now rewrite app_nil_r in T.
Qed.

Variable K : pass.
Variable more : list pass.
Hypothesis K_ok : pass_ok K.
Hypothesis more_ok : Forall pass_ok more.

Fixpoint code_in (sub : Z) (allowed : list nat) (t : nat) (rest : Z) : Z :=
  match allowed with
  | [] => 0
  | a :: others => if (t =? a)%nat then rest else sub + code_in sub others t rest
  end.

(** The number of a sequence, in lexicographic order of the places of its tokens in their sets. *)
Fixpoint code (sets : list (list nat)) (y : list nat) : Z :=
  match sets, y with
  | allowed :: rest, t :: y' => code_in (size_of_sets rest) allowed t (code rest y')
  | _, _ => 0
  end.

Definition certified (prefix : list nat) (sets : list (list nat)) (first last : Z) (count : Z) : Prop :=
  exists l, NoDup l /\ count = Z.of_nat (List.length l) /\
  forall y, In y l -> Forall2 (fun t allowed => In t allowed) y sets /\ first <= code sets y <= last /\
    labels (the_task P) (prefix ++ y) <> None /\ correct P (prefix ++ y).

Lemma explore_sound sets : forall prefix E E' first last,
  Forall (@NoDup nat) sets -> (List.length prefix + List.length sets = n)%nat ->
  (forall y, List.length y = List.length sets ->
     environment_ok (tensors P) K (prefix ++ y) (steps P) E /\
     environment_ok (tensors P) K (prefix ++ y) (steps P) E') ->
  (sets = [] -> first <= 0 <= last) ->
  certified prefix sets first last
    (explore P (stage_of P K) (map (stage_of P) more)
       (levels_of P (stage_of P K) (List.length prefix) sets) prefix E E' first last).
Proof.
  induction sets as [|allowed rest IH]; intros prefix E E' first last HN Hn HE HR; cbn [levels_of explore].
  - (* a whole sequence *)
    specialize (HE [] eq_refl). rewrite app_nil_r in HE. destruct HE as [HE HE']. specialize (HR eq_refl).
    assert (Yes : labels (the_task P) prefix <> None -> correct P prefix -> certified prefix [] first last 1).
    { intros L C. exists [[]]. split; [repeat constructor; easy|]. split; [easy|].
      intros y [<-|[]]. rewrite app_nil_r. repeat split; try easy; try constructor; simpl; lia. }
    assert (No : certified prefix [] first last 0).
    { exists []. split; [constructor|]. split; [easy|]. now intros y []. }
    destruct (labels (the_task P) prefix) as [ls|] eqn:L; [|exact No].
    destruct (wins_in _ _ _ _ _) eqn:W.
    + apply Yes; [easy|]. apply (wins_in_correct K ls prefix (merge E E')); auto using merge_ok.
    + destruct (existsb _ _) eqn:X; [|exact No]. apply existsb_exists in X as (S & HS & W').
      apply in_map_iff in HS as (K' & <- & HK'). rewrite Forall_forall in more_ok.
      apply Yes; [easy|]. apply (wins_in_correct K' ls prefix (stage_base (stage_of P K'))); auto.
      apply stage_base_ok; [auto|]. simpl in Hn. lia.
  - inversion HN as [|a b Nallowed Nrest]; subst a b.
    set (here := fill (stage_pass (stage_of P K)) (tokens_of prefix) [] (steps P) (merge E E')).
    assert (Hhere : forall y, List.length y = S (List.length rest) ->
              environment_ok (tensors P) K (prefix ++ y) (steps P) here).
    { intros y Hy. apply fill_environment_ok; [easy|apply tokens_of_ok|apply P_ok|].
      destruct (HE y Hy). now apply merge_ok. }
    cbn [ways choices].
    (* over the tokens *)
    assert (G : forall l first last, NoDup l ->
      exists found, NoDup found /\
      (fix walk (l : list (nat * environment)) (first last : Z) : Z :=
         match l with
         | [] => 0
         | (t, alone) :: others =>
             (if (last <? 0) || (size_of_sets rest <=? first) then 0
              else explore P (stage_of P K) (map (stage_of P) more)
                     (levels_of P (stage_of P K) (List.length prefix + 1) rest)
                     (prefix ++ [t]) here alone first last)
             + walk others (first - size_of_sets rest) (last - size_of_sets rest)
         end)
        (map (fun t => (t, fill (stage_pass (stage_of P K))
                (fun i => if (i =? List.length prefix)%nat then Some t else None) [] (steps P)
                (stage_base (stage_of P K)))) l) first last = Z.of_nat (List.length found) /\
      forall y, In y found -> exists t y', y = t :: y' /\ In t l /\
        Forall2 (fun t allowed => In t allowed) y' rest /\
        first <= code_in (size_of_sets rest) l t (code rest y') <= last /\
        labels (the_task P) (prefix ++ y) <> None /\ correct P (prefix ++ y)).
    { induction l as [|t l IHl]; intros f g Nl; cbn [map].
      - exists []. split; [constructor|]. split; [easy|]. now intros y [].
      - inversion Nl as [|a b Nt Nl']; subst a b.
        destruct (IHl (f - size_of_sets rest) (g - size_of_sets rest) Nl') as (l2 & N2 & C2 & H2).
        rewrite C2. clear C2 IHl.
        assert (C1 : certified (prefix ++ [t]) rest f g
          (if (g <? 0) || (size_of_sets rest <=? f) then 0
           else explore P (stage_of P K) (map (stage_of P) more)
                     (levels_of P (stage_of P K) (List.length prefix + 1) rest)
                     (prefix ++ [t]) here (fill (stage_pass (stage_of P K))
                (fun i => if (i =? List.length prefix)%nat then Some t else None) [] (steps P)
                (stage_base (stage_of P K))) f g)).
        { destruct (_ || _)%bool eqn:X.
          - exists []. split; [constructor|]. split; [easy|]. now intros y [].
          - apply orb_false_iff in X as [X1 X2]. apply Z.ltb_ge in X1. apply Z.leb_gt in X2.
            replace (List.length prefix + 1)%nat with (List.length (prefix ++ [t]))
              by now rewrite app_length.
            apply IH; [easy|rewrite app_length; simpl in *; lia| |].
            + intros y Hy. rewrite <- app_assoc. cbn [app]. split; [apply Hhere; simpl; lia|].
              assert (Lx : List.length (prefix ++ t :: y) = n) by (rewrite app_length; simpl in *; lia).
              apply fill_environment_ok; [easy| |apply P_ok|now apply stage_base_ok].
              intros j t'. destruct (j =? List.length prefix)%nat eqn:J; [|discriminate]. intros [= <-].
              apply Nat.eqb_eq in J. subst j. rewrite Lx. split; [simpl in Hn; lia|]. now rewrite nth_middle.
            + intros ->. unfold size_of_sets in X2. simpl in X2. lia. }
        destruct C1 as (l1 & N1 & C1 & H1). rewrite C1. clear C1.
        exists (map (cons t) l1 ++ l2). split; [|split].
        + apply nodup_app; [now apply FinFun.Injective_map_NoDup; [intros u v [=]|]|easy|].
          intros y Hy Hy'. apply in_map_iff in Hy as (y' & <- & _).
          destruct (H2 _ Hy') as (t' & y'' & [= <- <-] & Ht & _). easy.
        + rewrite app_length, map_length. lia.
        + intros y Hy. apply in_app_or in Hy as [Hy|Hy].
          * apply in_map_iff in Hy as (y' & <- & Hy'). destruct (H1 _ Hy') as (F & B & L & C).
            exists t, y'. rewrite <- app_assoc in L, C. cbn [app] in L, C. split; [easy|]. split; [now left|].
            split; [easy|]. cbn [code_in]. rewrite Nat.eqb_refl. easy.
          * destruct (H2 _ Hy) as (t' & y' & -> & Ht & F & B & L & C). exists t', y'.
            split; [easy|]. split; [now right|]. split; [easy|]. split; [|easy]. cbn [code_in].
            destruct (t' =? t)%nat eqn:X; [apply Nat.eqb_eq in X; now subst|]. lia. }
    destruct (G allowed first last Nallowed) as (l & N & C & H). unfold certified.
    exists l. split; [easy|]. split; [exact C|].
    intros y Hy. destruct (H y Hy) as (t & y' & -> & Ht & F & B & L & R). split; [now constructor|]. easy.
Qed.

Lemma check_intervals_sound l : forall done found count, -1 <= done ->
  check_intervals P (stage_of P K) (map (stage_of P) more) (levels_of P (stage_of P K) 0 (token_sets P))
    (size_of_sets (token_sets P)) l done = (found, Ok count) ->
  exists xs, NoDup xs /\ count <= Z.of_nat (List.length xs) /\
  forall x, In x xs -> is_input P x /\ correct P x /\ done < code (token_sets P) x.
Proof.
  induction l as [|i l IH]; intros done found count D H; cbn [check_intervals] in H.
  - injection H as <- <-. exists []. split; [constructor|]. split; [simpl; lia|]. now intros x [].
  - destruct (_ && _ && _)%bool eqn:R; [|discriminate]. cbn [negb] in H.
    rewrite !andb_true_iff, !Z.ltb_lt, Z.leb_le in R. destruct R as [[R1 R2] R3].
    destruct (max_sequences <=? _); [discriminate|]. set (k := explore _ _ _ _ _ _ _ _ _) in H.
    destruct (k <? claimed i) eqn:C; [discriminate|]. apply Z.ltb_ge in C.
    destruct (check_intervals _ _ _ _ _ _ _) as [found' r] eqn:E. injection H as _ H.
    apply bind_ok in H as (sum & -> & H). injection H as <-.
    assert (D' : -1 <= last_code i) by lia. destruct (IH _ _ _ D' E) as (l2 & N2 & L2 & H2).
    assert (X : certified [] (token_sets P) (first_code i) (last_code i) k).
    { apply (explore_sound (token_sets P) []); [apply P_ok|easy| |].
      - intros y Hy. split; now apply stage_base_ok.
      - intros Z. rewrite Z in R3. unfold size_of_sets in R3. simpl in R3. lia. }
    destruct X as (l1 & N1 & C1 & H1). exists (l1 ++ l2). split; [|split].
    + apply nodup_app; [easy|easy|]. intros x Hx Hx'. destruct (H1 _ Hx) as (_ & B & _).
      destruct (H2 _ Hx') as (_ & _ & B'). lia.
    + rewrite app_length. lia.
    + intros x Hx. apply in_app_or in Hx as [Hx|Hx].
      * destruct (H1 _ Hx) as (F & B & L & R). cbn [app] in L, R. split; [now split|]. split; [easy|]. lia.
      * destruct (H2 _ Hx) as (I & R & B). split; [easy|]. split; [easy|]. lia.
Qed.

End Explore.

(** The rule [evaluate] is sound: if the claims of all intervals hold, at least as many inputs are correct. *)
Theorem check_evaluate_sound P passes l found count :
  well_formed_program P -> Forall pass_ok passes ->
  check_evaluate P passes l = (found, Ok count) ->
  exists xs, NoDup xs /\ Forall (is_input P) xs /\ Forall (correct P) xs /\ count
    <= Z.of_nat (List.length xs).
Proof.
  intros HP HK H. unfold check_evaluate in H. destruct HK as [|K more HK Hmore]; [discriminate|].
  cbn [map] in H. destruct (check_intervals_sound P HP K more HK Hmore l (-1) found count ltac:(lia) H)
    as (xs & N & L & F).
  exists xs. split; [easy|]. split; [|split; [|easy]]; apply Forall_forall; intros x Hx; now apply F.
Qed.
