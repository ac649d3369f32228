(** SHA-256 (FIPS 180-4), which binds a certificate to the bytes of its model.

    Nothing is proved about it, and the soundness theorem does not need it: an accepted count is about the
    model that was parsed. It is tested on known values below. *)

From Coq Require Import Strings.Byte String ZArith List.
From CompactProofs Require Import Text.
Import ListNotations.
Local Open Scope Z_scope.

(** ** Words of 32 bits *)

Definition ones : Z := 0xffffffff.
Definition add (a b : Z) : Z := Z.land (a + b) ones.
Definition rotate (a k : Z) : Z := Z.lor (Z.shiftr a k) (Z.land (Z.shiftl a (32 - k)) ones).
Definition xor3 (a b c : Z) : Z := Z.lxor a (Z.lxor b c).

Definition choose (a b c : Z) : Z := Z.lxor c (Z.land a (Z.lxor b c)).
Definition majority (a b c : Z) : Z := Z.lor (Z.land a b) (Z.land c (Z.lor a b)).
Definition Sigma0 (a : Z) : Z := xor3 (rotate a 2) (rotate a 13) (rotate a 22).
Definition Sigma1 (a : Z) : Z := xor3 (rotate a 6) (rotate a 11) (rotate a 25).
Definition sigma0 (a : Z) : Z := xor3 (rotate a 7) (rotate a 18) (Z.shiftr a 3).
Definition sigma1 (a : Z) : Z := xor3 (rotate a 17) (rotate a 19) (Z.shiftr a 10).

Definition round_constants : list Z := [
  0x428a2f98; 0x71374491; 0xb5c0fbcf; 0xe9b5dba5; 0x3956c25b; 0x59f111f1; 0x923f82a4; 0xab1c5ed5;
  0xd807aa98; 0x12835b01; 0x243185be; 0x550c7dc3; 0x72be5d74; 0x80deb1fe; 0x9bdc06a7; 0xc19bf174;
  0xe49b69c1; 0xefbe4786; 0x0fc19dc6; 0x240ca1cc; 0x2de92c6f; 0x4a7484aa; 0x5cb0a9dc; 0x76f988da;
  0x983e5152; 0xa831c66d; 0xb00327c8; 0xbf597fc7; 0xc6e00bf3; 0xd5a79147; 0x06ca6351; 0x14292967;
  0x27b70a85; 0x2e1b2138; 0x4d2c6dfc; 0x53380d13; 0x650a7354; 0x766a0abb; 0x81c2c92e; 0x92722c85;
  0xa2bfe8a1; 0xa81a664b; 0xc24b8b70; 0xc76c51a3; 0xd192e819; 0xd6990624; 0xf40e3585; 0x106aa070;
  0x19a4c116; 0x1e376c08; 0x2748774c; 0x34b0bcb5; 0x391c0cb3; 0x4ed8aa4a; 0x5b9cca4f; 0x682e6ff3;
  0x748f82ee; 0x78a5636f; 0x84c87814; 0x8cc70208; 0x90befffa; 0xa4506ceb; 0xbef9a3f7; 0xc67178f2].

(** ** One block of 16 words *)

Inductive hash := Hash (a b c d e f g h : Z).

Definition start : hash :=
  Hash 0x6a09e667 0xbb67ae85 0x3c6ef372 0xa54ff53a 0x510e527f 0x9b05688c 0x1f83d9ab 0x5be0cd19.

Definition round (s : hash) (constant word : Z) : hash :=
  let '(Hash a b c d e f g h) := s in
  let t1 := h + Sigma1 e + choose e f g + constant + word in
  Hash (add t1 (Sigma0 a + majority a b c)) a b c (add d t1) e f g.

(** [window] holds this round's word and the next 15. *)
Fixpoint rounds (constants : list Z) (window : list Z) (s : hash) : hash :=
  match constants, window with
  | constant :: constants, word :: others =>
      let next := add (sigma1 (nth 13 others 0) + nth 8 others 0) (sigma0 (nth 0 others 0) + word) in
      rounds constants (others ++ [next]) (round s constant word)
  | _, _ => s
  end.

Definition compress (s : hash) (block : list Z) : hash :=
  let '(Hash a b c d e f g h) := s in
  let '(Hash a' b' c' d' e' f' g' h') := rounds round_constants block s in
  Hash (add a a') (add b b') (add c c') (add d d') (add e e') (add f f') (add g g') (add h h').

(** ** Messages *)

(** What was read so far: the hash of the full blocks, the words of the present one (last first), the
    bytes of the present word, and the number of bytes. *)
Inductive state := State (blocks : hash) (words : list Z) (word : Z) (count : Z).

Definition absorb (s : state) (value : Z) : state :=
  let '(State blocks words word count) := s in
  let word := Z.lor (Z.shiftl word 8) value in
  let count := count + 1 in
  if Z.land count 63 =? 0 then State (compress blocks (rev (word :: words))) [] 0 count
  else if Z.land count 3 =? 0 then State blocks (word :: words) 0 count
  else State blocks words word count.

Definition byte_value (b : byte) : Z :=
  let bit (set : bool) (value : Z) := if set then value else 0 in
  let '(b0, (b1, (b2, (b3, (b4, (b5, (b6, b7))))))) := Byte.to_bits b in
  bit b0 1 + bit b1 2 + bit b2 4 + bit b3 8 + bit b4 16 + bit b5 32 + bit b6 64 + bit b7 128.

(** The byte 0x80, as many zeros as fill a block up to its last 8 bytes, and the length in bits. *)
Definition padding (count : Z) : list Z :=
  0x80 :: repeat 0 (Z.to_nat ((55 - count) mod 64))
  ++ map (fun shift => Z.land (Z.shiftr (8 * count) shift) 255) [56; 48; 40; 32; 24; 16; 8; 0].

Definition hexadecimal_digit (k : Z) : byte :=
  match k with
  | 10 => "a" | 11 => "b" | 12 => "c" | 13 => "d" | 14 => "e" | 15 => "f" | _ => digit_byte k
  end%byte.

Definition word_hexadecimal (word : Z) : bytes :=
  map (fun shift => hexadecimal_digit (Z.land (Z.shiftr word shift) 15)) [28; 24; 20; 16; 12; 8; 4; 0].

(** The hash of [message], in lower-case hexadecimal. *)
Definition sha256 (message : bytes) : string :=
  let read := fold_left (fun s b => absorb s (byte_value b)) message (State start [] 0 0) in
  let '(State _ _ _ count) := read in
  let '(State (Hash a b c d e f g h) _ _ _) := fold_left absorb (padding count) read in
  string_of_list_byte (flat_map word_hexadecimal [a; b; c; d; e; f; g; h]).

(** ** Known values *)

Definition sha256_of (message : string) : string := sha256 (list_byte_of_string message).

Example sha256_empty : sha256_of "" =
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"%string.
Proof. vm_compute. reflexivity. Qed.

Example sha256_abc : sha256_of "abc" =
  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"%string.
Proof. vm_compute. reflexivity. Qed.

Example sha256_two_blocks : sha256_of "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq" =
  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"%string.
Proof. vm_compute. reflexivity. Qed.

Example sha256_long : sha256_of "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu" =
  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"%string.
Proof. vm_compute. reflexivity. Qed.

Example sha256_55 : sha256 (repeat "a"%byte 55) =
  "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"%string.
Proof. vm_compute. reflexivity. Qed.

Example sha256_64 : sha256 (repeat "a"%byte 64) =
  "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"%string.
Proof. vm_compute. reflexivity. Qed.

Example sha256_1000 : sha256 (repeat "a"%byte 1000) =
  "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3"%string.
Proof. vm_compute. reflexivity. Qed.

