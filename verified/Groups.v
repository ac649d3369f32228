(** * Groups of inputs

    Mirrors [certified_inputs] of [checker/groups.py] and the loop over groups there: the
    checks of a group leave out some of its inputs each; what no check leaves out, once every output but the
    label is covered by some check, is certified. *)

From Coq Require Import Reals ZArith List Lia Lra String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Tables Terms Bands
  Levels Enumerate.
Import ListNotations.
Open Scope Z_scope.

(** ** Shared results, computed once *)

Section Memo.
Context {K V : Type}.
Variable same : K -> K -> bool.
Hypothesis same_eq : forall a b, same a b = true -> a = b.

Definition memo (f : K -> V) (keys : list K) : list (K * V) :=
  fold_left (fun table k => if existsb (fun p => same (fst p) k) table then table else (k, f k) :: table)
            keys [].

Definition recall (f : K -> V) (table : list (K * V)) (k : K) : V :=
  match find (fun p => same (fst p) k) table with
  | Some p => snd p
  | None => f k
  end.

Lemma recall_memo f keys k : recall f (memo f keys) k = f k.
Proof.
  assert (H : forall table, (forall p, In p table -> snd p = f (fst p)) ->
    forall p, In p (fold_left (fun table k => if existsb (fun p => same (fst p) k) table then table
                                             else (k, f k) :: table) keys table) -> snd p = f (fst p)).
  { induction keys as [|k' keys IH]; intros table H; simpl; [easy|]. apply IH.
    destruct (existsb _ table); [easy|]. intros p [<-|Hp]; [easy|auto]. }
  unfold recall. destruct (find _ _) as [p|] eqn:E; [|easy].
  apply find_some in E as [E1 E2]. apply same_eq in E2 as <-. apply (H []); [easy|exact E1].
Qed.

End Memo.

Definition same_key (a b : Z * Z) : bool := ((fst a =? fst b) && (snd a =? snd b))%bool.

Lemma same_key_eq a b : same_key a b = true -> a = b.
Proof.
  unfold same_key. rewrite andb_true_iff, !Z.eqb_eq. destruct a, b; simpl. intros [-> ->]. easy.
Qed.

Lemma z_eqb_eq a b : (a =? b) = true -> a = b.
Proof. apply Z.eqb_eq. Qed.

(** What all groups share. [class_widths] are the partitions, as widths of their classes. *)
Record context := Context {
  the_model : model;
  the_tables : tables;
  the_weights : weights;
  fixed_cache : list (Z * fixed_tables);
  pascal_table : list (list Z);
  class_widths : list (list nat)
}.

(** The gaps for one label; the key holds a check's bits and the number of its partition. *)
Definition gaps_for (X : context) (m : nat) (key : Z * Z) : gaps :=
  compute_gaps (recall Z.eqb (fix_tables (the_tables X)) (fixed_cache X) (fst key))
    (positions (the_model X)) m (nth (Z.to_nat (snd key)) (class_widths X) []).

Definition gaps_cache := list ((Z * Z) * gaps).

(** ** The checks of a group *)

(** Which classes a check covers: those it names, or all with an uncovered output; never the label's own. *)
Fixpoint choose (widths : list nat) (index : Z) (start m : nat) (named : option (list Z))
  (covered : list bool) : list bool :=
  match widths with
  | [] => []
  | w :: rest =>
      let wanted := match named with
                    | None => existsb negb (firstn w covered)
                    | Some l => existsb (Z.eqb index) l
                    end in
      (wanted && negb ((w =? 1)%nat && (start =? m)%nat))%bool
      :: choose rest (index + 1) (start + w) m named (skipn w covered)
  end.

(** The outputs covered after a check. *)
Fixpoint mark (widths : list nat) (chosen : list bool) (covered : list bool) : list bool :=
  match widths, chosen with
  | w :: widths', b :: chosen' =>
      (if b then map (fun _ => true) (firstn w covered) else firstn w covered)
      ++ mark widths' chosen' (skipn w covered)
  | _, _ => covered
  end.

Definition rule_function (X : context) (r : group_rule) : group_rule_function :=
  match r with
  | Levels => check_levels (pascal_table X)
  | Enumerate => check_enumerate
  end.

Definition others (M : model) : nat := (positions M - 1)%nat.

(** How many sequences a group has, for each last token. *)
Definition sequences_count (M : model) (m : nat) (labelled : bool) : Z :=
  (Z.of_nat m + 1) ^ Z.of_nat (others M) - (if labelled then Z.of_nat m ^ Z.of_nat (others M) else 0).

(** The outputs covered after the check, and how many sequences it leaves out. *)
Definition run_check (X : context) (cache : gaps_cache) (m q1 q2 : nat) (k : check) (covered : list bool)
  : result (list bool * Z) :=
  if negb ((0 <=? partition k) && (partition k <? Z.of_nat (List.length (class_widths X)))
           && (0 <=? bits k) && (1 <=? margin k))%bool then Decline "check out of range"
  else
    let widths := nth (Z.to_nat (partition k)) (class_widths X) [] in
    let chosen := choose widths 0 0 m (classes k) covered in
    if existsb (fun b => b) chosen then
      let G := recall same_key (gaps_for X m) cache (bits k, partition k) in
      do count <- rule_function X (rule k) (the_weights X) (others (the_model X)) m q1 q2 k
                    (select_gaps chosen G);
      Ok (mark widths chosen covered, sequences_count (the_model X) m (negb (q1 =? m)%nat) - count)
    else Ok (covered, 0).

Fixpoint run_checks (X : context) (cache : gaps_cache) (m q1 q2 : nat) (ks : list check)
  (covered : list bool) : result (list bool * Z) :=
  match ks with
  | [] => Ok (covered, 0)
  | k :: rest =>
      do r <- run_check X cache m q1 q2 k covered;
      do r' <- run_checks X cache m q1 q2 rest (fst r);
      Ok (fst r', snd r + snd r')
  end.

(** Whether the group's numbers make sense: the queries are below the label, or the label alone. *)
Definition group_in_range (M : model) (g : group) : bool :=
  ((group_label g <? Z.of_nat (vocabulary M)) && (0 <=? first_query g) && (first_query g <=? last_query g)
   && ((last_query g <? group_label g)
       || (first_query g =? group_label g) && (last_query g =? group_label g)))%bool.

(** How many inputs of the group are certified. *)
Definition certified_inputs (X : context) (cache : gaps_cache) (g : group) : result Z :=
  let M := the_model X in
  let m := Z.to_nat (group_label g) in
  let q1 := Z.to_nat (first_query g) in
  let q2 := Z.to_nat (last_query g) in
  do r <- run_checks X cache m q1 q2 (checks g) (map (Nat.eqb m) (seq 0 (outputs M)));
  if forallb (fun b => b) (fst r) then
    Ok (Z.max 0 ((last_query g - first_query g + 1)
                 * (sequences_count M m (negb (q1 =? m)%nat) - snd r)))
  else Reject "expected a check of every output".

(** ** All sequences *)

(** All sequences of [k] tokens below [n]. *)
Definition sequences (k n : nat) : list (list nat) :=
  choices 0 (repeat (map (fun t => (t, [])) (seq 0 n)) k) [].

Lemma sequences_nodup k n : NoDup (sequences k n).
Proof.
  apply choices_nodup, Forall_forall. intros row Hrow. apply repeat_spec in Hrow as ->.
  rewrite map_map. simpl. rewrite map_id. apply seq_NoDup.
Qed.

Lemma sequences_length k n : Z.of_nat (List.length (sequences k n)) = Z.of_nat n ^ Z.of_nat k.
Proof.
  unfold sequences. induction k as [|k IH]; [easy|]. cbn [repeat choices].
  rewrite length_flat_map, total_map.
  rewrite (total_ext _ (fun _ => Z.of_nat n ^ Z.of_nat k)).
  - rewrite total_const, seq_length, Nat2Z.inj_succ, Z.pow_succ_r by lia. easy.
  - intros t _. rewrite map_length. exact IH.
Qed.

Lemma in_sequences k n s :
  In s (sequences k n) <-> List.length s = k /\ Forall (fun t => (t < n)%nat) s.
Proof.
  unfold sequences. revert s. induction k as [|k IH]; intros s; cbn [repeat choices].
  - simpl. split; [intros [<-|[]]; now split|]. intros [H _]. left. now destruct s.
  - rewrite in_flat_map. split.
    + intros ((t & v) & Ht & Hs). apply in_map_iff in Ht as (t' & E & Ht). injection E as <- <-.
      apply in_map_iff in Hs as (s' & <- & Hs). cbn [fst snd] in *. apply IH in Hs as [L F].
      apply in_seq in Ht. split; [simpl; lia|]. constructor; [lia|easy].
    + intros [L F]. destruct s as [|t s]; [easy|]. inversion F; subst. exists (t, []).
      split; [apply in_map_iff; exists t; split; [easy|]; apply in_seq; lia|].
      apply in_map. apply IH. split; [simpl in L; lia|easy].
Qed.

(** No list of distinct sequences of a group is longer than the count. *)
Lemma sequences_count_max M m labelled l : NoDup l ->
  (forall s, In s l -> is_sequence (others M) m labelled s) ->
  Z.of_nat (List.length l) <= sequences_count M m labelled.
Proof.
  intros N H. unfold sequences_count.
  replace (Z.of_nat m + 1) with (Z.of_nat (S m)) by lia. rewrite <- !sequences_length.
  assert (I : forall s, In s l -> In s (sequences (others M) (S m))).
  { intros s Hs. destruct (H s Hs) as (L & F & _). apply in_sequences. split; [easy|].
    eapply Forall_impl; [|exact F]. simpl. lia. }
  destruct labelled.
  - assert (List.length (l ++ sequences (others M) m) <= List.length (sequences (others M) (S m)))%nat.
    { apply NoDup_incl_length.
      - apply nodup_app; [easy|apply sequences_nodup|]. intros s Hs Hs'.
        destruct (H s Hs) as (_ & _ & O). specialize (O eq_refl). apply in_sequences in Hs' as [_ F].
        rewrite Forall_forall in F. apply F in O. lia.
      - intros s Hs. apply in_app_or in Hs as [Hs|Hs]; [auto|]. apply in_sequences in Hs as [L F].
        apply in_sequences. split; [easy|]. eapply Forall_impl; [|exact F]. simpl. lia. }
    rewrite app_length in H0. lia.
  - rewrite Z.sub_0_r. apply inj_le, NoDup_incl_length; [easy|exact I].
Qed.

(** Before any check, all sequences of a group are in. *)
Lemma all_counted M m q1 q2 labelled :
  counted M m q1 q2 labelled (fun _ => False) (sequences_count M m labelled).
Proof.
  assert (I : forall s, In s (sequences (others M) (S m)) ->
            List.length s = (positions M - 1)%nat /\ Forall (fun t => (t <= m)%nat) s).
  { intros s Hs. apply in_sequences in Hs as [L F]. split; [easy|].
    eapply Forall_impl; [|exact F]. simpl. lia. }
  unfold sequences_count. replace (Z.of_nat m + 1) with (Z.of_nat (S m)) by lia.
  rewrite <- !sequences_length. destruct labelled.
  - exists (filter (occurs m) (sequences (others M) (S m))).
    split; [apply NoDup_filter, sequences_nodup|]. split.
    + rewrite (filter_length_split (occurs m) (sequences (others M) (S m))).
      assert (List.length (filter (fun s => negb (occurs m s)) (sequences (others M) (S m)))
              <= List.length (sequences (others M) m))%nat; [|lia].
      apply NoDup_incl_length; [apply NoDup_filter, sequences_nodup|].
      intros s Hs. apply filter_In in Hs as [Hs O]. apply in_sequences in Hs as [L F]. apply in_sequences.
      split; [easy|]. rewrite Forall_forall in *. intros t Ht.
      assert (t <> m); [|specialize (F t Ht); lia]. intros ->. apply occurs_In in Ht. now rewrite Ht in O.
    + intros s Hs. apply filter_In in Hs as [Hs O]. apply occurs_In in O. destruct (I s Hs).
      split; [now repeat split|easy].
  - exists (sequences (others M) (S m)). split; [apply sequences_nodup|]. split; [lia|].
    intros s Hs. destruct (I s Hs). split; [now repeat split|easy].
Qed.

(** What two checks leave out is at most what each of them leaves out. *)
Lemma counted_union M m q1 q2 labelled covers1 covers2 a b :
  counted M m q1 q2 labelled covers1 a -> counted M m q1 q2 labelled covers2 b ->
  counted M m q1 q2 labelled (fun o => covers1 o \/ covers2 o) (a + b - sequences_count M m labelled).
Proof.
  intros (l1 & N1 & L1 & H1) (l2 & N2 & L2 & H2).
  set (inside := fun s => if in_dec (list_eq_dec Nat.eq_dec) s l2 then true else false).
  assert (Hin : forall s, inside s = true <-> In s l2).
  { intros s. unfold inside. now destruct (in_dec _ s l2). }
  exists (filter inside l1). split; [now apply NoDup_filter|]. split.
  - assert (Z.of_nat (List.length (filter (fun s => negb (inside s)) l1 ++ l2)) <= sequences_count M m
      labelled).
    { apply sequences_count_max.
      - apply nodup_app; [now apply NoDup_filter|easy|]. intros s Hs Hs'. apply filter_In in Hs as [_ E].
        apply Hin in Hs'. now rewrite Hs' in E.
      - intros s Hs. apply in_app_or in Hs as [Hs|Hs]; [|now apply H2].
        apply filter_In in Hs as [Hs _]. now apply H1. }
    rewrite app_length in H. rewrite (filter_length_split inside l1) in L1. lia.
  - intros s Hs. apply filter_In in Hs as [Hs E]. apply Hin in E.
    destruct (H1 s Hs) as [A B1]. destruct (H2 s E) as [_ B2]. split; [easy|].
    intros q o Hq [C|C]; auto.
Qed.

Lemma counted_weaken M m q1 q2 labelled (covers covers' : nat -> Prop) a b :
  counted M m q1 q2 labelled covers a -> b <= a -> (forall o, covers' o -> covers o) ->
  counted M m q1 q2 labelled covers' b.
Proof.
  intros (l & N & L & H) Hb Hc. exists l. split; [easy|]. split; [lia|].
  intros s Hs. destruct (H s Hs) as [A B]. split; [easy|]. auto.
Qed.

(** ** Covering *)

Lemma mark_length widths : forall chosen covered,
  List.length (mark widths chosen covered) = List.length covered.
Proof.
  induction widths as [|w widths IH]; intros [|b chosen] covered; simpl; try easy.
  rewrite app_length, IH. rewrite <- (firstn_skipn w covered) at 4. rewrite app_length.
  destruct b; now rewrite ?map_length.
Qed.

Lemma mark_spec widths : forall chosen covered o, nth_error (mark widths chosen covered) o = Some true ->
  nth_error covered o = Some true \/
  exists c, in_class widths c o /\ nth_error chosen c = Some true.
Proof.
  induction widths as [|w widths IH]; intros [|b chosen] covered o H; simpl in H; try now left.
  set (head := if b then _ else _) in H.
  assert (Hh : List.length head = List.length (firstn w covered)).
  { unfold head. destruct b; now rewrite ?map_length. }
  pose proof (firstn_length w covered) as Hf.
  destruct (Nat.lt_ge_cases o (List.length head)) as [L|L].
  - rewrite nth_error_app1 in H by easy. destruct b.
    + right. exists O. simpl. split; [lia|easy].
    + left. unfold head in H. rewrite nth_error_firstn in H; [easy|lia].
  - rewrite nth_error_app2 in H by easy.
    assert (Hlen : (o - List.length head < List.length (skipn w covered))%nat).
    { rewrite <- (mark_length widths chosen (skipn w covered)). apply nth_error_Some. rewrite H. discriminate. }
    rewrite skipn_length in Hlen.
    assert (E : List.length head = w) by lia. rewrite E in *.
    apply IH in H as [H|(c & Hc & Hx)].
    + left. rewrite nth_error_skipn in H. now replace (w + (o - w))%nat with o in H by lia.
    + right. exists (S c). simpl. split; [split; [lia|easy]|easy].
Qed.

(** ** Soundness of a group *)

Record context_ok (X : context) : Prop := ContextOk {
  model_ok : well_formed (the_model X);
  context_tables_ok : tables_ok (the_model X) (the_tables X);
  context_weights_ok : exists eb, enclosed_weights (the_model X) eb (the_weights X);
  fixed_cache_ok : forall b, recall Z.eqb (fix_tables (the_tables X)) (fixed_cache X) b
                             = fix_tables (the_tables X) b;
  pascal_ok : forall n, row_of (pascal_table X) n = binomials n
}.

Definition cache_ok (X : context) (m : nat) (cache : gaps_cache) : Prop :=
  forall key, recall same_key (gaps_for X m) cache key = gaps_for X m key.

Lemma rule_function_sound X r : context_ok X -> rule_sound (rule_function X r).
Proof.
  intros H. destruct r; simpl.
  - now apply check_levels_sound, H.
  - apply check_enumerate_sound.
Qed.

(** The outputs, other than the label, that are marked. *)
Definition marked (M : model) (m : nat) (covered : list bool) (o : nat) : Prop :=
  (o < outputs M)%nat /\ o <> m /\ nth_error covered o = Some true.

Lemma run_check_sound X cache m q1 q2 k covered covered' out a :
  context_ok X -> cache_ok X m cache -> (m < vocabulary (the_model X))%nat -> (q1 <= q2 <= m)%nat ->
  run_check X cache m q1 q2 k covered = Ok (covered', out) ->
  counted (the_model X) m q1 q2 (negb (q1 =? m)%nat) (marked (the_model X) m covered) a ->
  counted (the_model X) m q1 q2 (negb (q1 =? m)%nat) (marked (the_model X) m covered') (a - out)
  /\ List.length covered' = List.length covered.
Proof.
  intros HX Hcache Hm Hq H Ha. unfold run_check in H.
  destruct (negb _) eqn:Hrange; [discriminate|]. apply negb_false_iff in Hrange.
  rewrite !andb_true_iff, !Z.leb_le, Z.ltb_lt in Hrange. destruct Hrange as [[[Hp1 Hp2] Hbits] Hmargin].
  set (widths := nth _ _ _) in H. set (chosen := choose _ _ _ _ _ _) in H.
  destruct (existsb _ chosen).
  2:{ injection H as <- <-. split; [|easy]. now rewrite Z.sub_0_r. }
  apply bind_ok in H as (count & Hcount & H). injection H as <- <-.
  split; [|apply mark_length]. rewrite Hcache in Hcount.
  destruct (context_weights_ok X HX) as (eb & HW).
  set (covers := fun o => (o < outputs (the_model X))%nat /\ o <> m /\
                  exists c, in_class widths c o /\ nth_error chosen c = Some true).
  assert (C : counted (the_model X) m q1 q2 (negb (q1 =? m)%nat) covers count).
  { apply (rule_function_sound X (rule k) HX (the_model X) eb (the_weights X) m q1 q2 k
             (select_gaps chosen (gaps_for X m (bits k, partition k)))); try easy.
    - apply (two_positions _ (model_ok X HX)).
    - intros o (Ho & N & c & Hc & Hx). exists (rank chosen c). apply select_gaps_ok; [easy|].
      unfold gaps_for. cbn [fst snd]. rewrite (fixed_cache_ok X HX).
      apply compute_gaps_ok; try easy; [apply (model_ok X HX)|].
      apply fix_tables_ok, (context_tables_ok X HX). }
  pose proof (counted_union _ _ _ _ _ _ _ _ _ Ha C) as U.
  eapply counted_weaken; [exact U|lia|].
  intros o (Ho & N & Hx). apply mark_spec in Hx as [Hx|Hx]; [left|right]; now repeat split.
Qed.

Lemma run_checks_sound X cache m q1 q2 ks : forall covered covered' out a,
  context_ok X -> cache_ok X m cache -> (m < vocabulary (the_model X))%nat -> (q1 <= q2 <= m)%nat ->
  run_checks X cache m q1 q2 ks covered = Ok (covered', out) ->
  counted (the_model X) m q1 q2 (negb (q1 =? m)%nat) (marked (the_model X) m covered) a ->
  counted (the_model X) m q1 q2 (negb (q1 =? m)%nat) (marked (the_model X) m covered') (a - out)
  /\ List.length covered' = List.length covered.
Proof.
  induction ks as [|k ks IH]; intros covered covered' out a HX Hc Hm Hq H Ha; simpl in H.
  - injection H as <- <-. now rewrite Z.sub_0_r.
  - apply bind_ok in H as ([c1 o1] & H1 & H). apply bind_ok in H as ([c2 o2] & H2 & H).
    injection H as <- <-. cbn [fst snd] in *.
    destruct (run_check_sound _ _ _ _ _ _ _ _ _ _ HX Hc Hm Hq H1 Ha) as [A L].
    destruct (IH _ _ _ _ HX Hc Hm Hq H2 A) as [A' L']. split; [|congruence].
    now replace (a - (o1 + o2)) with (a - o1 - o2) by ring.
Qed.

(** The last token of an input. *)
Definition last_token (x : list nat) : nat := List.last x O.

(** What a group certifies: distinct correct inputs with its label and its last tokens. *)
Definition group_inputs (M : model) (m q1 q2 : nat) (n : Z) : Prop :=
  exists l, NoDup l /\ n <= Z.of_nat (List.length l) /\
  forall x, In x l -> is_input M x /\ correct M x /\ label x = m /\ (q1 <= last_token x <= q2)%nat.

Lemma label_max x m : Forall (fun t => (t <= m)%nat) x -> In m x -> label x = m.
Proof.
  intros F I. unfold label.
  assert (U : (fold_right Nat.max O x <= m)%nat) by (clear I; induction F; simpl; lia).
  assert (L : forall t, In t x -> (t <= fold_right Nat.max O x)%nat).
  { clear. induction x as [|y x IH]; intros t []; simpl; [subst; lia|]. specialize (IH t H). lia. }
  specialize (L m I). lia.
Qed.

Lemma inputs_of_sequences M m q1 q2 labelled a :
  well_formed M -> (m < vocabulary M)%nat -> (q1 <= q2 <= m)%nat ->
  (labelled = false -> q1 = m) ->
  counted M m q1 q2 labelled (fun o => (o < outputs M)%nat /\ o <> m) a ->
  group_inputs M m q1 q2 (Z.max 0 (Z.of_nat (S q2 - q1) * a)).
Proof.
  intros W Hm Hq Hlabelled (l & N & L & H). pose proof (two_positions _ W) as Hn.
  exists (flat_map (fun q => map (fun s => s ++ [q]) l) (seq q1 (S q2 - q1))). split; [|split].
  - assert (G : forall qs, NoDup qs -> NoDup (flat_map (fun q => map (fun s => s ++ [q]) l) qs)).
    { induction 1 as [|q qs Hnot _ IH]; simpl; [constructor|]. apply nodup_app; [|easy|].
      - clear - N. induction N as [|s l Hs _ IH]; simpl; constructor; [|easy].
        intros I. apply in_map_iff in I as (s' & E & I). apply app_inj_tail in E as [-> _]. easy.
      - intros x Hx Hx'. apply in_map_iff in Hx as (s & <- & _).
        apply in_flat_map in Hx' as (q' & Hq' & Hx'). apply in_map_iff in Hx' as (s' & E & _).
        apply app_inj_tail in E as [_ ->]. easy. }
    apply G, seq_NoDup.
  - rewrite length_flat_map. rewrite (total_ext _ (fun _ => Z.of_nat (List.length l)))
      by (intros; now rewrite map_length).
    rewrite total_const, seq_length. nia.
  - intros x Hx. apply in_flat_map in Hx as (q & Hq' & Hx). apply in_map_iff in Hx as (s & <- & Hs).
    apply in_seq in Hq'. destruct (H s Hs) as ((Ls & Fs & Os) & B).
    assert (F : Forall (fun t => (t <= m)%nat) (s ++ [q])).
    { apply Forall_app. split; [easy|]. constructor; [lia|constructor]. }
    assert (Lab : label (s ++ [q]) = m).
    { apply label_max; [easy|]. apply in_or_app. destruct labelled; [left; now apply Os|].
      right. left. specialize (Hlabelled eq_refl). lia. }
    split; [|split; [|split]].
    + split; [rewrite app_length; simpl; lia|]. eapply Forall_impl; [|exact F]. simpl. lia.
    + intros o Ho Hneq. rewrite Lab in *. apply scaled_margin; [lia|easy|]. apply B; [lia|easy].
    + easy.
    + unfold last_token. rewrite last_last. lia.
Qed.

Theorem certified_inputs_sound X cache g n :
  context_ok X -> cache_ok X (Z.to_nat (group_label g)) cache -> group_in_range (the_model X) g = true ->
  certified_inputs X cache g = Ok n ->
  group_inputs (the_model X) (Z.to_nat (group_label g)) (Z.to_nat (first_query g))
    (Z.to_nat (last_query g)) n.
Proof.
  intros HX Hc Hr H. unfold certified_inputs in H. unfold group_in_range in Hr.
  rewrite !andb_true_iff, orb_true_iff, andb_true_iff, !Z.ltb_lt, !Z.leb_le, !Z.eqb_eq in Hr.
  destruct Hr as [[[Hl Hf] Hfl] Hlast].
  set (m := Z.to_nat (group_label g)) in *. set (q1 := Z.to_nat (first_query g)) in *.
  set (q2 := Z.to_nat (last_query g)) in *. set (M := the_model X) in *.
  apply bind_ok in H as ([covered out] & Hrun & H). cbn [fst snd] in H.
  destruct (forallb _ covered) eqn:Hall; [|discriminate]. injection H as <-.
  assert (Hm : (m < vocabulary M)%nat) by lia. assert (Hq : (q1 <= q2 <= m)%nat) by lia.
  assert (H0 : counted M m q1 q2 (negb (q1 =? m)%nat)
            (marked M m (map (Nat.eqb m) (seq 0 (outputs M)))) (sequences_count M m (negb (q1 =? m)%nat))).
  { eapply counted_weaken; [apply all_counted|lia|]. intros o (Ho & N & E). apply N.
    rewrite nth_error_map, nth_error_nth' with (d := O) in E by now rewrite seq_length.
    rewrite seq_nth in E by easy. simpl in E. injection E as E. apply Nat.eqb_eq in E. lia. }
  destruct (run_checks_sound _ _ _ _ _ _ _ _ _ _ HX Hc Hm Hq Hrun H0) as [A L].
  rewrite map_length, seq_length in L. fold M in L.
  replace (last_query g - first_query g + 1) with (Z.of_nat (S q2 - q1)) by lia.
  apply inputs_of_sequences with (labelled := negb (q1 =? m)%nat); try easy.
  - apply (model_ok X HX).
  - intros E. apply negb_false_iff, Nat.eqb_eq in E. easy.
  - eapply counted_weaken; [exact A|lia|]. intros o [Ho N]. split; [easy|]. split; [easy|].
    rewrite nth_error_nth' with (d := true) by lia. f_equal.
    rewrite forallb_forall in Hall. apply Hall, nth_In. lia.
Qed.
