#!/usr/bin/env bash
# The main job on examples/keys.yaml, told as a story: `make demo`.
#
# Works in a temporary copy that it removes at the end, needs no network, and prints no secret. Every step checks
# what it claims; the first one that does not show it ends the demo with an error.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
stage="$(mktemp -d "${TMPDIR:-/tmp}/reconciler-demo.XXXXXX")"
server=""

leave() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; fi
  rm -rf "$stage"
}
trap leave EXIT

cp "$here/keys.yaml" "$here/drift.py" "$stage"
cd "$stage"
export COLUMNS=80 NO_COLOR=1

say() { printf '\n\n## %s\n' "$1"; }

fail() {
  printf '\nThe demo failed: %s.\n' "$1" >&2
  exit 1
}

command -v reconciler >/dev/null || fail "there is no command reconciler: run \`make demo\`"

# run CODE COMMAND: shows a command and what it prints, and insists on its exit code.
run() {
  local code=0
  printf '\n$ %s\n' "$2"
  eval "$2" >shown 2>log || code=$?
  cat shown
  if [ "$code" != "$1" ]; then
    cat log >&2
    fail "exit code $code, not $1"
  fi
  if [ "$code" != 0 ]; then printf '(exit code %s)\n' "$code"; fi
}

# shows TEXT …: what the last command must have printed.
shows() {
  local text
  for text in "$@"; do
    grep -qF -- "$text" shown || fail "the last command does not show \"$text\""
  done
}

secret() { sed -n "s/^$1=//p" secrets/local.env; }

say "keys.yaml declares two API keys. None is live yet: what would apply do?"
run 0 "reconciler plan -e local"
shows "+ ci-deploy" "+ storefront" "Plan: 2 to create"

say "Make it so. (apply shows the plan again, on stderr: left out here.)"
run 0 "reconciler apply -e local --auto-approve"
shows "Applied: all 2 changes."

say "The secrets went where the manifest says, readable by you alone."
run 0 "ls -l secrets/local.env | cut -c 1-10"
shows "-rw-------"
run 0 "sed '/^#/d; s/=standard_.*/=standard_(265 characters)/' secrets/local.env"
shows "APPWRITE_API_KEY=standard_(" "APPWRITE_DEPLOY_KEY=standard_("
[ "$(secret APPWRITE_API_KEY | tr -d '\n' | wc -c)" -eq 265 ] || fail "the secret is not of 265 characters"
[ "$(grep -vc '^#' secrets/local.env)" -eq 2 ] || fail "the dotenv file has other lines"
storefront="$(secret APPWRITE_API_KEY)" deploy="$(secret APPWRITE_DEPLOY_KEY)"

say "Live equals the manifest: a second plan has nothing to do."
run 0 "reconciler plan -e local --detailed-exitcode"
shows "No changes (2 unchanged, 0 unmanaged)."

say "Behind its back, another client widens one key and deletes the other."
mkfifo said
reconciler emulator --port 0 >said &
server=$!
exec 3<said
read -r _ _ _ _ url <&3 || fail "the emulator does not start"
run 0 "python3 drift.py $url shop-local"
shows "PUT" "users.write" "DELETE"
kill "$server"
wait "$server" || fail "the emulator does not end in peace"
server=""

say "The next plan shows both, and exits 2 to tell a CI job."
run 2 "reconciler plan -e local --detailed-exitcode"
shows "~ ci-deploy" "- users.write" "+ storefront" "replaces a value" "Plan: 1 to create, 1 to update"

say "Mend it. The deleted key is made anew, and its new secret delivered."
run 0 "reconciler apply -e local --auto-approve"
shows "~ local/ci-deploy" "+ local/storefront" "Applied: all 2 changes."
[ "$(secret APPWRITE_API_KEY)" != "$storefront" ] || fail "the secret of the deleted key is still there"
[ "$(secret APPWRITE_DEPLOY_KEY)" = "$deploy" ] || fail "the secret of the other key was changed"

run 0 "reconciler plan -e local --detailed-exitcode"
shows "No changes"

say "That was the main job. Now in this folder, with a terminal that asks:"
printf '\n    .venv/bin/reconciler apply -f examples/keys.yaml -e local\n\n'
