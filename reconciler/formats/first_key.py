"""The first key as text: what was made, where its secret is, and what the key may do there."""

from __future__ import annotations

from reconciler.core.first_key import Made
from reconciler.core.quoting import quoted
from reconciler.core.times import show_instant


def first_key_text(environment: str, made: Made, file: str | None) -> str:
    """Some lines; `file` is where the secret was written, None where it was printed."""
    expire = "never expires" if made.state.expire is None else f"expires at {show_instant(made.state.expire)}"
    scopes = ", ".join(sorted(made.state.scopes))
    what = "Finished key" if made.finished else "Made key"
    lines = [f"{what} {made.key_id} ({quoted(made.state.name)}) in project {made.project}: {scopes}; it {expire}."]
    if made.finished:
        lines.append("An earlier run had made it and written its secret, and was stopped before the end.")
    if file is not None:
        lines.append(f"Its secret is in {file}, and nowhere else: name it in `credential: {{file: PATH}}`.")
    return "\n".join((*lines, *_abilities(environment, made)))


def _abilities(environment: str, made: Made) -> list[str]:
    """What a manager of keys wants to know of the key."""
    scopes = made.state.scopes
    if "keys.write" not in scopes:
        return ["It may list the project's keys, and change none."] if "keys.read" in scopes else []
    if "keys.read" not in scopes:
        return ["It may not list keys, so plan and apply cannot use it: they need keys.read too."]
    match made.may_create:
        case True:
            return ["It may list, create, update and delete keys: plan and apply need nothing else."]
        case False:
            needed = f"Where something is to be created, {environment} needs a console session or an organization key."
            return [
                "It may list, update and delete keys, and lend ephemeral ones (reconciler exec).",
                f"It may not create keys: on this server no project key may. {needed}",
            ]
        case None:
            return ["Whether it may create keys is not known: the server did not say."]
