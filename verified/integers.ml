(* What the integers and sizes of Coq become: Zarith's integers, and machine integers.

   ExtractionSettings.v maps each operation of Coq to the one of the same name here. Nothing proves that
   they agree, so this file is trusted; IntegersTest.v compares them with Coq on many values. Coq's functions
   are total: where mathematics leaves a case open (division by zero), Coq's choice is kept. *)

type t = Z.t

(* The number is beyond anything that files within the limits need. *)
exception Too_large

let machine x = if Z.fits_int x then Z.to_int x else raise Too_large

(* The longest shift and largest exponent that are carried out: numbers of 256 MiB. *)
let bits x =
  let k = machine x in
  if abs k > 1 lsl 31 then raise Too_large else k

(* Z *)
let zero = Z.zero
let match_z zero positive negative x =
  let sign = Z.sign x in
  if sign = 0 then zero () else if sign > 0 then positive x else negative (Z.neg x)
let opp x = Z.neg x
let succ x = Z.succ x
let pred x = Z.pred x
let abs x = Z.abs x
let add x y = Z.add x y
let sub x y = Z.sub x y
let mul x y = Z.mul x y
let min x y = Z.min x y
let max x y = Z.max x y
let compare x y = Z.compare x y
let eqb x y = Z.equal x y
let leb x y = Z.leq x y
let ltb x y = Z.lt x y
let geb x y = Z.geq x y
let gtb x y = Z.gt x y
let sgn x = Z.of_int (Z.sign x)
let even x = Z.is_even x
let odd x = Z.is_odd x

(* Rounded towards minus infinity; x / 0 = 0 and x mod 0 = x. *)
let div x y = if Z.sign y = 0 then Z.zero else Z.fdiv x y
let modulo x y = if Z.sign y = 0 then x else Z.sub x (Z.mul y (Z.fdiv x y))
let div_eucl x y =
  let quotient = div x y in
  (quotient, Z.sub x (Z.mul y quotient))

let shift x k = if k >= 0 then Z.shift_left x k else Z.shift_right x (-k)
let shiftl x k = shift x (bits k)
let shiftr x k = shift x (-bits k)
let land_ x y = Z.logand x y
let lor_ x y = Z.logor x y
let lxor_ x y = Z.logxor x y
let testbit x k = Z.sign k >= 0 && Z.testbit x (bits k)
let pow x k = if Z.sign k < 0 then Z.zero else Z.pow x (bits k)
let sqrt x = if Z.sign x <= 0 then Z.zero else Z.sqrt x
let log2 x = if Z.sign x <= 0 then Z.zero else Z.of_int (Z.numbits x - 1)

(* positive *)
let one = Z.one
let double x = Z.shift_left x 1
let double_and_one x = Z.succ (Z.shift_left x 1)
let match_positive odd even one x =
  if Z.equal x Z.one then one ()
  else if Z.is_odd x then odd (Z.shift_right x 1)
  else even (Z.shift_right x 1)
let pos_pred x = Z.max Z.one (Z.pred x)
let pos_sub x y = Z.max Z.one (Z.sub x y)

(* N *)
let match_n zero positive x = if Z.sign x = 0 then zero () else positive x
let n_pred x = Z.max Z.zero (Z.pred x)
let n_sub x y = Z.max Z.zero (Z.sub x y)

(* nat; no operation overflows in silence *)
let nat_add a b =
  let sum = a + b in
  if sum < 0 then raise Too_large else sum
let nat_succ a = nat_add a 1
let match_nat zero succ k = if k = 0 then zero () else succ (k - 1)
let nat_pred a = if a = 0 then 0 else a - 1
let nat_sub a b = if a > b then a - b else 0
let nat_mul a b = machine (Z.mul (Z.of_int a) (Z.of_int b))
let nat_pow a b = machine (Z.pow (Z.of_int a) b)
let to_nat x = if Z.sign x <= 0 then 0 else machine x
let of_nat k = Z.of_int k
let nat_min (a : int) b = if a <= b then a else b
let nat_max (a : int) b = if a >= b then a else b
let nat_eqb (a : int) b = a = b
let nat_leb (a : int) b = a <= b
let nat_ltb (a : int) b = a < b
let nat_compare (a : int) b = Int.compare a b
