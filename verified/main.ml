(* compact-proofs-verified [--json] [--groups] [--] MODEL CERTIFICATE
   compact-proofs-verified --batch [--groups]

   Reads the files, calls the verified checker and prints its verdict; nothing is judged here. The only
   verdict of this file's own is `declined`, where a file cannot be read or memory does not suffice.

   Exit codes: 0 accepted, 10 rejected, 20 declined. No other code is a verdict: 74 is one that could not
   be printed, 3 the end of a batch, 2 wrong usage or an error of OCaml. *)

let max_file_bytes = 5 * 1024 * 1024

(* Seconds until a pipe that nobody writes to is given up. *)
let patience = 1.0

(* The checker's verdict, ready to print. *)
type outcome = {
  verdict : string;
  reason : string;
  correct_at_least : Z.t;
  total : Z.t;
  sha256 : string; (* of the model file; empty if it is none *)
  groups : Z.t list; (* the counts found, group by group *)
}

let bytes_of text =
  let rec from i bytes = if i < 0 then bytes else from (i - 1) (text.[i] :: bytes) in
  from (String.length text - 1) []

let declined reason =
  { verdict = "declined"; reason; correct_at_least = Z.zero; total = Z.zero; sha256 = ""; groups = [] }

(* On one line, whatever the text holds: bytes that are not printable ASCII become escapes. *)
let printable text =
  let escape c = if c < ' ' || c > '~' then Printf.sprintf "\\x%02x" (Char.code c) else String.make 1 c in
  String.concat "" (List.map escape (List.of_seq (String.to_seq text)))

let check model certificate =
  let too_long kind text =
    if String.length text <= max_file_bytes then None
    else Some (declined (Printf.sprintf "%s: over %d bytes, the limit max_file_bytes" kind max_file_bytes))
  in
  match (too_long "model" model, too_long "certificate" certificate) with
  | Some outcome, _ | None, Some outcome -> outcome
  | None, None -> (
      let model = bytes_of model and certificate = bytes_of certificate in
      try
        let report = Checker.examine_files model certificate in
        let outcome verdict reason correct_at_least total =
          let reason = printable reason and sha256 = report.Checker.model_hash in
          { verdict; reason; correct_at_least; total; sha256; groups = report.Checker.found }
        in
        match report.Checker.outcome with
        | Checker.Accepted (correct, total) -> outcome "accepted" "" correct total
        | Checker.Rejected reason -> outcome "rejected" reason Z.zero Z.zero
        | Checker.Declined reason -> outcome "declined" reason Z.zero Z.zero
      with
      | Stack_overflow -> declined "too long for the stack (see ulimit -s)"
      | Out_of_memory -> declined "too long for the memory"
      | Integers.Too_large -> declined "a number is too large for this machine")

let json_string text =
  let escape = function
    | ('"' | '\\') as c -> Printf.sprintf "\\%c" c
    | c when c < ' ' || c > '~' -> Printf.sprintf "\\u%04x" (Char.code c)
    | c -> String.make 1 c
  in
  "\"" ^ String.concat "" (List.map escape (List.of_seq (String.to_seq text))) ^ "\""

let json ~groups outcome =
  let fields =
    [
      ("verdict", json_string outcome.verdict);
      ("reason", json_string outcome.reason);
      ("correct_at_least", Z.to_string outcome.correct_at_least);
      ("total", Z.to_string outcome.total);
      ("model_sha256", json_string outcome.sha256);
    ]
    @
    if groups then [ ("groups", "[" ^ String.concat ", " (List.map Z.to_string outcome.groups) ^ "]") ]
    else []
  in
  "{" ^ String.concat ", " (List.map (fun (key, value) -> json_string key ^ ": " ^ value) fields) ^ "}"

let summary outcome =
  if outcome.verdict = "accepted" then
    Printf.sprintf "accepted: at least %s of %s inputs are classified correctly, model %s"
      (Z.to_string outcome.correct_at_least)
      (Z.to_string outcome.total) outcome.sha256
  else outcome.verdict ^ ": " ^ outcome.reason

let exit_code outcome =
  match outcome.verdict with "accepted" -> 0 | "rejected" -> 10 | _ -> 20

(* Why a file cannot be read. *)
exception Unreadable of string

(* The bytes of a regular file, or of a pipe that somebody writes to; at most one more than the limit. *)
let read path =
  let unreadable why = raise (Unreadable (printable (path ^ ": " ^ why))) in
  let first = Bytes.create 1 in
  (* What a pipe begins with. *)
  let begun file =
    ignore (Unix.select [ file ] [] [] patience);
    match Unix.read file first 0 1 with
    | 0 -> unreadable "nobody writes to this pipe"
    | _ -> Bytes.to_string first
    | exception Unix.Unix_error ((Unix.EAGAIN | Unix.EWOULDBLOCK), _, _) -> ""
  in
  try
    (* Without blocking, because it would take for ever to open a pipe that nobody writes to. *)
    let file = Unix.openfile path [ Unix.O_RDONLY; Unix.O_NONBLOCK; Unix.O_CLOEXEC ] 0 in
    Fun.protect
      ~finally:(fun () -> Unix.close file)
      (fun () ->
        let buffer = Buffer.create 65536 and chunk = Bytes.create 65536 in
        (match (Unix.fstat file).Unix.st_kind with
        | Unix.S_REG -> ()
        | Unix.S_FIFO ->
            Buffer.add_string buffer (begun file);
            Unix.clear_nonblock file
        | Unix.S_DIR -> unreadable (Unix.error_message Unix.EISDIR)
        | _ -> unreadable "neither a regular file nor a pipe");
        let rec loop () =
          let count = Unix.read file chunk 0 (Bytes.length chunk) in
          Buffer.add_subbytes buffer chunk 0 count;
          if count > 0 && Buffer.length buffer <= max_file_bytes then loop ()
        in
        loop ();
        Buffer.contents buffer)
  with Unix.Unix_error (error, _, _) -> unreadable (Unix.error_message error)

(* On standard input, for each case: the sizes of both files in bytes on a line, then both files. On
   standard output, a line of JSON for each case. *)
let batch ~groups =
  set_binary_mode_in stdin true;
  try
    while true do
      let sizes = input_line stdin in
      let model_size, certificate_size = Scanf.sscanf sizes "%d %d" (fun a b -> (a, b)) in
      let model = really_input_string stdin model_size in
      let certificate = really_input_string stdin certificate_size in
      print_endline (json ~groups (check model certificate))
    done
  with End_of_file -> ()

let usage =
  "usage: compact-proofs-verified [--json] [--groups] [--] MODEL CERTIFICATE\n"
  ^ "       compact-proofs-verified --batch [--groups]"

(* The flags and the files: what begins with - is a flag, but not after a --. *)
let rec arguments = function
  | [] -> ([], [])
  | "--" :: files -> ([], files)
  | argument :: rest ->
      let flags, files = arguments rest in
      if String.length argument > 1 && argument.[0] = '-' then (argument :: flags, files)
      else (flags, argument :: files)

let print outcome ~as_json ~groups =
  if as_json then print_endline (json ~groups outcome)
  else if outcome.verdict = "accepted" then print_endline (summary outcome);
  if outcome.verdict <> "accepted" then prerr_endline (summary outcome)

let () =
  (* A pipe that nobody reads is an error like others. *)
  Sys.set_signal Sys.sigpipe Sys.Signal_ignore;
  let flags, files = arguments (List.tl (Array.to_list Sys.argv)) in
  let flag name = List.mem name flags in
  let known = List.for_all (fun name -> List.mem name [ "--json"; "--groups"; "--batch" ]) flags in
  match files with
  | [] when known && flag "--batch" ->
      batch ~groups:(flag "--groups");
      (* Not 0, which would be a verdict for files of these names. *)
      exit 3
  | [ model; certificate ] when known && not (flag "--batch") -> (
      let outcome =
        try
          let model = read model in
          check model (read certificate)
        with Unreadable reason -> declined reason
      in
      match print outcome ~as_json:(flag "--json") ~groups:(flag "--groups") with
      | () -> exit (exit_code outcome)
      | exception Sys_error why ->
          (try prerr_endline ("no verdict: it cannot be printed: " ^ why) with Sys_error _ -> ());
          (* At its own end, OCaml would try to print once more, and change the code. *)
          Unix._exit 74)
  | _ ->
      prerr_endline usage;
      exit 2
