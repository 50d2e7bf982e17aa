#!/usr/bin/env bash
# A key under rotation, from its creation to a pipeline that dies, told as a story: `make demo-rotation`.
#
# Works in a temporary copy that it removes at the end, needs no network, and prints no secret. Time is moved in the
# emulator, which is started anew with its clock ahead. Every step checks what it claims; the first one that does not
# show it ends the demo with an error.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
stage="$(mktemp -d "${TMPDIR:-/tmp}/reconciler-demo.XXXXXX")"
server=""

leave() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$stage"
}
trap leave EXIT

cp "$here/rotation.yaml" "$stage/keys.yaml"
cd "$stage"
export COLUMNS=80 NO_COLOR=1 PYTHONIOENCODING=utf-8

say() { printf '\n\n## %s\n' "$1"; }

fail() {
  printf '\nThe demo failed: %s.\n' "$1" >&2
  exit 1
}

command -v reconciler >/dev/null || fail "there is no command reconciler: run \`make demo-rotation\`"

# day N TEXT: it is N days later than today, on the server.
day() {
  if [ -n "$server" ]; then
    kill "$server"
    wait "$server" || fail "the emulator does not end in peace"
    exec 3<&-
    rm said
  fi
  mkfifo said
  reconciler emulator --port 0 --project shop-local \
    --faults "[{\"fault\": \"clock\", \"seconds\": $((86400 * $1 + 1)), \"direction\": \"ahead\"}]" >said &
  server=$!
  exec 3<said
  read -r _ _ _ _ EMULATOR_ENDPOINT <&3 || fail "the emulator does not start"
  export EMULATOR_ENDPOINT
  say "Day $1. $2"
}

# run COMMAND: shows a command and what it prints, and insists that it ends well.
run() {
  local code=0
  printf '\n$ %s\n' "$1"
  eval "$1" >shown 2>log || code=$?
  cat shown
  if [ "$code" != 0 ]; then
    cat log >&2
    fail "exit code $code, not 0"
  fi
}

# shows TEXT …: what the last command must have printed; lacks TEXT: what it must not.
shows() {
  local text
  for text in "$@"; do
    grep -qF -- "$text" shown || fail "the last command does not show \"$text\""
  done
}
lacks() {
  if grep -qF -- "$1" shown; then fail "the last command shows \"$1\""; fi
}

secret() { sed -n 's/^APPWRITE_API_KEY=//p' secrets/local.env; }
sink="sed 's/=standard_.*/=standard_(secret)/' secrets/local.env | cut -c 1-76"

day 0 "keys.yaml declares a key that rotates every 90 days. It is made, and
   delivered."
run "grep rotation: keys.yaml"
run "reconciler apply -e local --auto-approve"
shows "+ local/storefront" "Applied: the one change."
run "$sink"
shows ".g1" "standard_(secret)"
first="$(secret)"
run "reconciler status -e local --format timeline"
shows "g1" "◆" "✕" "0 warnings"

day 60 "It is not due. A run changes nothing, however often it comes."
run "reconciler plan -e local"
shows "No changes"

day 70 "It is due. The plan says since when, and what it will do."
run "reconciler plan -e local"
shows "because   due for rotation (since" "Storefront backend (retiring)" "Plan: 1 to rotate, 1 to retire"

say "The new key is made, delivered and tried; then the old one gets its end."
run "reconciler apply -e local --auto-approve"
shows "* local/storefront" "rotate: applied" "x local/storefront" "retire: applied"
run "$sink"
shows ".g2"
second="$(secret)"
[ "$second" != "$first" ] || fail "the sink still holds the old secret"
run "reconciler status -e local --format timeline"
shows "g1" "g2" "▒" "0 warnings"

day 78 "The overlap is over. The server has ended the old key itself; a run
   deletes it."
run "reconciler apply -e local --auto-approve"
shows "- local/storefront" "delete: applied"
run "reconciler status -e local"
shows "g2" "holds it"
lacks "g1"
[ "$(secret)" = "$second" ] || fail "the sink was written without need"

day 150 "For weeks nobody has run apply: the pipeline is dead. Nobody notices
   yet, but status says what will come of it."
run "reconciler status -e local"
shows "! due since" "no run has rotated it" "1 warning"
run "reconciler status -e local --format json | grep '\"well\"'"
shows '"well": false'
run "reconciler doctor -e local | grep -A 3 rotation"
shows "no run has rotated it"
[ "$(secret)" = "$second" ] || fail "something has written the sink"

day 168 "Nobody listened. The key has ended: none lives on unseen."
run "reconciler status -e local --format timeline"
shows "it ended at" "!"

say "One run mends it."
run "reconciler apply -e local --auto-approve"
shows "* local/storefront" "rotate: applied"
run "$sink"
shows ".g3"
[ "$(secret)" != "$second" ] || fail "the sink still holds the secret of a key that has ended"
run "reconciler status -e local --format timeline"
shows "g3" "0 warnings"

kill "$server"
wait "$server" || fail "the emulator does not end in peace"
server=""
say "That was half a year of a key. How to put yours under rotation:
   docs/guides/rotation.md"
