(** * Soundness: what an accepted certificate proves

    Mirrors [check_claims] of [checker/groups.py]. The comparison of the model's SHA-256 with the claimed one
    is made where the bytes are at hand; nothing here depends on it. *)

From Coq Require Import Reals ZArith List Lia Lra String Bool.
From CompactProofs Require Import Syntax Semantics Arithmetic Counting Outcome Matrices Tables Terms Bands
  Levels Enumerate Groups.
Import ListNotations.
Open Scope Z_scope.

(** ** The check *)

(** The widths of the classes between ascending cuts. *)
Fixpoint widths_of (cuts : list Z) : list nat :=
  match cuts with
  | a :: ((b :: _) as rest) => Z.to_nat (b - a) :: widths_of rest
  | _ => []
  end.

Definition prepare (M : model) (C : certificate) : result context :=
  if negb ((0 <=? exponential_bits C) && (score_bits C <=? exponential_bits C + 16))%bool
  then Decline "exponential_bits out of range"
  else
    do T <- enclose_tables M C;
    let every_bits := flat_map (fun g => map bits (checks g)) (groups C) in
    Ok (Context M T (enclose_weights M C T) (memo Z.eqb (fix_tables T) every_bits)
          (pascal (others M)) (map widths_of (partitions C))).

(** The gaps that the groups of one label need, at the head of [gs]. *)
Fixpoint keys_of_label (l : Z) (gs : list group) : list (Z * Z) :=
  match gs with
  | [] => []
  | g :: rest =>
      if group_label g =? l
      then map (fun k => (bits k, partition k)) (checks g) ++ keys_of_label l rest
      else []
  end.

Definition cache_for (X : context) (gs : list group) (g : group) (cached : Z * gaps_cache)
  : Z * gaps_cache :=
  if group_label g =? fst cached then cached
  else (group_label g,
        memo same_key (gaps_for X (Z.to_nat (group_label g))) (keys_of_label (group_label g) gs)).

(** [a] comes after [b]. *)
Definition after (a b : Z * Z) : bool :=
  ((fst b <? fst a) || (fst b =? fst a) && (snd b <? snd a))%bool.

(** The numbers of certified inputs that were found, group after group, and the number that is claimed in all
    groups together, or the reason why the last group looked at fails. *)
Fixpoint check_groups (X : context) (gs : list group) (done : Z * Z) (cached : Z * gaps_cache)
  : list Z * result Z :=
  match gs with
  | [] => ([], Ok 0)
  | g :: rest =>
      if negb (after (group_label g, first_query g) done)
      then ([], Reject "expected groups in ascending order, without overlap")
      else if negb (group_in_range (the_model X) g)
      then ([], Reject "expected queries below the label, or the label alone")
      else
        let cached' := cache_for X gs g cached in
        match certified_inputs X (snd cached') g with
        | Ok n =>
            if n <? group_correct g then ([n], Reject "claimed more than found")
            else
              let (found, r) := check_groups X rest (group_label g, last_query g) cached' in
              (n :: found, do total <- r; Ok (group_correct g + total))
        | Reject reason => ([], Reject reason)
        | Decline reason => ([], Decline reason)
        end
  end.

Inductive verdict :=
| Accepted (correct_at_least total : Z)
| Rejected (reason : string)
| Declined (reason : string).

(** The numbers found in each group, and the verdict. *)
Definition examine (M : model) (C : certificate) : list Z * verdict :=
  match groups C, prepare M C with
  | [], _ =>
      (* nothing is looked at where nothing is claimed *)
      ([], if claimed_correct C =? 0 then Accepted 0 (number_of_inputs M)
           else Rejected "claimed another number than the groups' sum")
  | _, Reject reason => ([], Rejected reason)
  | _, Decline reason => ([], Declined reason)
  | _, Ok X =>
      let (found, r) := check_groups X (groups C) (-1, -1) (-1, []) in
      (found, match r with
              | Ok n => if claimed_correct C =? n then Accepted n (number_of_inputs M)
                        else Rejected "claimed another number than the groups' sum"
              | Reject reason => Rejected reason
              | Decline reason => Declined reason
              end)
  end.

Definition check_claims (M : model) (C : certificate) : verdict := snd (examine M C).

(** ** Soundness *)

Lemma prepare_ok M C X : well_formed M -> prepare M C = Ok X -> context_ok X /\ the_model X = M.
Proof.
  intros W H. unfold prepare in H. destruct (negb _) eqn:E; [discriminate|].
  apply negb_false_iff, andb_true_iff in E as [E1 E2]. apply Z.leb_le in E1, E2.
  apply bind_ok in H as (T & HT & H). injection H as <-. split; [|easy].
  pose proof (enclose_tables_sound M C T W HT) as HT'.
  constructor; cbn [the_model the_tables the_weights fixed_cache pascal_table]; try easy.
  - exists (exponential_bits C). pose proof (some_head_width _ W). destruct HT'.
    constructor; cbn [enclose_weights token_factors position_factors];
      apply exponentials_ok; try easy; lia.
  - intros b. apply recall_memo. exact z_eqb_eq.
  - apply row_of_pascal.
Qed.

Definition cached_ok (X : context) (cached : Z * gaps_cache) : Prop :=
  cache_ok X (Z.to_nat (fst cached)) (snd cached).

Lemma cache_for_ok X gs g cached : cached_ok X cached ->
  cached_ok X (cache_for X gs g cached) /\ fst (cache_for X gs g cached) = group_label g.
Proof.
  intros H. unfold cache_for. destruct (group_label g =? fst cached) eqn:E.
  - apply Z.eqb_eq in E. now split.
  - split; [|easy]. intros key. cbn [fst snd]. apply recall_memo. exact same_key_eq.
Qed.

(** The label and the last token of an input, by which groups are ordered. *)
Definition place_of (x : list nat) : Z * Z := (Z.of_nat (label x), Z.of_nat (last_token x)).

Lemma after_spec a b : after a b = true <-> fst b < fst a \/ (fst b = fst a /\ snd b < snd a).
Proof. unfold after. rewrite orb_true_iff, andb_true_iff, !Z.ltb_lt, Z.eqb_eq. easy. Qed.

Lemma check_groups_sound X gs : context_ok X -> forall done cached found n,
  cached_ok X cached -> check_groups X gs done cached = (found, Ok n) ->
  exists l, NoDup l /\ n <= Z.of_nat (List.length l) /\
  forall x, In x l -> is_input (the_model X) x /\ correct (the_model X) x /\ after (place_of x) done = true.
Proof.
  intros HX. induction gs as [|g gs IH]; intros done cached found n Hc H; cbn [check_groups] in H.
  - injection H as <- <-. exists []. split; [constructor|]. split; [simpl; lia|easy].
  - destruct (after _ done) eqn:Hafter; [|discriminate]. cbn [negb] in H.
    destruct (group_in_range _ g) eqn:Hrange; [|discriminate]. cbn [negb] in H.
    destruct (cache_for_ok X (g :: gs) g cached Hc) as [Hc' Hl]. unfold cached_ok in Hc'. rewrite Hl in Hc'.
    destruct (certified_inputs X _ g) as [k|reason|reason] eqn:Hk; [|discriminate..].
    destruct (k <? group_correct g) eqn:Hclaim; [discriminate|]. apply Z.ltb_ge in Hclaim.
    destruct (check_groups X gs _ _) as [found' r] eqn:Hrest. injection H as _ H.
    apply bind_ok in H as (n' & -> & H). injection H as <-.
    destruct (certified_inputs_sound X _ g k HX Hc' Hrange Hk) as (l1 & N1 & L1 & H1).
    assert (Hc'' : cached_ok X (cache_for X (g :: gs) g cached)) by (unfold cached_ok; now rewrite Hl).
    destruct (IH _ _ _ _ Hc'' Hrest) as (l2 & N2 & L2 & H2).
    unfold group_in_range in Hrange.
    rewrite !andb_true_iff, orb_true_iff, andb_true_iff, !Z.ltb_lt, !Z.leb_le, !Z.eqb_eq in Hrange.
    destruct Hrange as [[[Hr1 Hr2] Hr3] Hr4]. rewrite after_spec in Hafter. cbn [fst snd] in Hafter.
    assert (Place : forall x, In x l1 -> fst (place_of x) = group_label g /\
              first_query g <= snd (place_of x) <= last_query g).
    { intros x Hx. destruct (H1 x Hx) as (_ & _ & Lab & Last). unfold place_of; cbn [fst snd]. lia. }
    exists (l1 ++ l2). split; [|split].
    + apply nodup_app; [easy|easy|]. intros x Hx Hx'. destruct (Place x Hx) as [P1 P2].
      destruct (H2 x Hx') as (_ & _ & A). rewrite after_spec in A. cbn [fst snd] in A. lia.
    + rewrite app_length. lia.
    + intros x Hx. apply in_app_or in Hx as [Hx|Hx].
      * destruct (H1 x Hx) as (A & B & _). destruct (Place x Hx) as [P1 P2].
        split; [easy|]. split; [easy|]. rewrite after_spec. lia.
      * destruct (H2 x Hx) as (A & B & P). split; [easy|]. split; [easy|].
        rewrite after_spec in *. cbn [fst snd] in P. lia.
Qed.

(** The theorem: if a certificate is accepted, at least the stated number of inputs are correct. *)
Theorem check_claims_sound M C N T :
  well_formed M -> check_claims M C = Accepted N T ->
  T = number_of_inputs M /\
  exists l, NoDup l /\ Forall (is_input M) l /\ Forall (correct M) l /\ N <= Z.of_nat (List.length l).
Proof.
  intros W H. unfold check_claims, examine in H. destruct (groups C) as [|g gs] eqn:Hgroups.
  { cbn [snd] in H. destruct (claimed_correct C =? 0); [|discriminate]. injection H as <- <-.
    split; [easy|]. exists []. simpl. repeat split; constructor || lia. }
  rewrite <- Hgroups in H. destruct (prepare M C) as [X|reason|reason] eqn:HX; [|discriminate..].
  apply prepare_ok in HX as [HX E]; [|easy].
  destruct (check_groups X (groups C) (-1, -1) (-1, [])) as [found r] eqn:Hr. cbn [snd] in H.
  destruct r as [n|reason|reason]; [|discriminate..].
  destruct (claimed_correct C =? n); [|discriminate]. injection H as <- <-. split; [easy|].
  assert (Hc : cached_ok X (-1, [])) by (intros key; easy).
  destruct (check_groups_sound X _ HX _ _ _ _ Hc Hr) as (l & N & L & H). rewrite E in H.
  exists l. split; [easy|]. split; [|split; [|easy]]; apply Forall_forall; intros x Hx; apply H, Hx.
Qed.
