(* Fails unless integers.ml agrees with Coq on the rows of results of IntegersTest.v. *)
let () =
  let rows = List.map Z.to_string (Integers_test.computed ()) in
  if rows <> Integers_test.expected then (
    prerr_endline "integers.ml does not agree with Coq";
    exit 1);
  Printf.printf "integers.ml agrees with Coq in %d rows of results\n" (List.length rows)
