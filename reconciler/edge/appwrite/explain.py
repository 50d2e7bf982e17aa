"""Answers and failures in words: which environment, which call, what happened; the hint: who must do what.

A server's own words are used only where they have the API's error shape, cut to 200 characters, without
control characters, and without anything that looks like a credential.
"""

from __future__ import annotations

import re

import httpx

from reconciler.edge.appwrite.answer import Answer, ApiError, Failure
from reconciler.edge.appwrite.call import Call, Peer
from reconciler.edge.appwrite.meanings import FOREIGN, Case, Meaning, meaning_of, remedy_by_status
from reconciler.errors import (
    CreationDenied,
    CredentialError,
    KeyExists,
    ReconcilerError,
    Rejected,
    ServerError,
    Unreachable,
    Untrusted,
)

_LONGEST_MESSAGE = 200
_WINDOW = 12
_SECRET = re.compile(
    r"(?:standard|organization|account|ephemeral|dynamic)_[\w.-]{4,}|[0-9A-Fa-f]{32,}|eyJ[\w+/=.-]{8,}"
)
_SCOPE = re.compile(r"missing scopes? \(\W*([A-Za-z]+(?:\.[A-Za-z]+)+)")
_HEXADECIMAL = re.compile(r"[0-9a-f]{32}")
_AGAIN = "run the same command again: it continues where this one stopped"


def refused(peer: Peer, call: Call, answer: Answer) -> ReconcilerError:
    """The error that an answer means which is not the one that the call asks for."""
    error = _told(peer, answer)
    meaning = meaning_of(answer.status, error.type if error else FOREIGN, _case(peer, error))
    message = f"{_start(peer, call)}: {_happened(peer, meaning, answer.status, error)}"
    hint = _filled(meaning.remedy if meaning else remedy_by_status(answer.status), peer, error)
    kind = error.type if error else ""
    match answer.status, kind:
        case 403, "key_creation_denied":
            return CreationDenied(message, hint=hint)
        case ((401 | 403), _):
            return CredentialError(message, hint=hint)
        case 409, "key_already_exists":
            return KeyExists(message, hint=hint)
        case status, _ if 400 <= status < 500 and status not in {408, 429}:
            return Rejected(message, hint=hint)
        case _:
            return ServerError(message, hint=hint)


def malformed(peer: Peer, call: Call, answer: Answer, what: str) -> ServerError:
    """An answer of success whose body is not what Appwrite sends."""
    return ServerError(
        f"{_start(peer, call)}: the server answered {answer.status}, but not as Appwrite does: {what}",
        hint=f"whoever runs {peer.endpoint} must see what answers there: a proxy, or no Appwrite ≥ 1.9.5",
    )


def unanswered(peer: Peer, call: Call, failure: Failure, attempts: int) -> ServerError:
    """No answer at all, after every retry; `attempts` counts the first sending too."""
    start = f"{_start(peer, call)}: {peer.endpoint}"
    match failure.kind:
        case "unreachable":
            return Unreachable(
                f"{start} cannot be reached: {failure.text}",
                hint=f"check `endpoint:` of {peer.label}, and that this machine can reach the server",
            )
        case "untrusted" if "wrong version number" in failure.text:
            return Untrusted(
                f"{start} is not trusted: {failure.text}",
                hint=f"it may speak http only: if you trust the network, write http:// in `endpoint:` of {peer.label}",
            )
        case "untrusted":
            return Untrusted(
                f"{start} is not trusted: {failure.text}",
                hint="whoever runs the server must give it a certificate of that host name; for an authority "
                "of your own set SSL_CERT_FILE",
            )
        case "oversized":
            return ServerError(
                f"{start} does not stop answering: {failure.text}",
                hint=f"check `endpoint:` of {peer.label}; whoever runs that server must see what it sends",
            )
        case "late" | "broken":
            return ServerError(
                f"{start} gave no whole answer{f' in {attempts} attempts' * (attempts > 1)}: {failure.text}",
                hint=f"whoever runs the server, or the network before it, must see why; then {_AGAIN}",
            )


def redirected(peer: Peer, call: Call, answer: Answer) -> ServerError:
    """A redirect, which is never followed: the credential goes to no other host."""
    target = _origin(answer.headers.get("Location", ""))
    if _repeats(target, peer):
        target = ""
    endpoint = f"{target}/v1" if target else "the address of the server itself"
    return ServerError(
        f"{_start(peer, call)}: the server answered {answer.status}, a redirect to {target or 'nowhere'}, "
        "which is not followed: the credential stays with the host it was given for",
        hint=f"if you trust it, set `endpoint:` of {peer.label} to {endpoint}",
    )


def listing_unstable(peer: Peer, call: Call, what: str) -> ServerError:
    """A list that does not come to an end."""
    return ServerError(f"{_start(peer, call)}: {what}", hint=f"{_AGAIN.capitalize()}, when nobody else changes keys")


def _start(peer: Peer, call: Call) -> str:
    return f"{peer.label}: {call.doing} failed"


def _told(peer: Peer, answer: Answer) -> ApiError | None:
    """What the API says is wrong, fit to be repeated: a type that may be a piece of a credential is left out."""
    error = answer.error()
    if error is None:
        return None
    strange = _repeats(error.type, peer) or _HEXADECIMAL.search(error.type)
    return ApiError(type="" if strange else error.type, message=_presentable(error.message, peer))


def _happened(peer: Peer, meaning: Meaning | None, status: int, error: ApiError | None) -> str:
    """What happened in our words, then the answer; the server's own words where ours do not say all."""
    ours = f"{_filled(meaning.happened, peer, error)}; " if meaning else ""
    answered = f"{ours}the server answered {status}"
    if error is None:
        return f"{answered}, and not in the form of Appwrite's API"
    kind = f" {error.type}" if error.type else ""
    return f'{answered}{kind}: "{error.message}"' if meaning is None or meaning.quotes else f"{answered}{kind}"


def _case(peer: Peer, error: ApiError | None) -> Case:
    """Who called, by the server's words where it took the credential for none."""
    kind = peer.credential.kind if peer.credential else None
    if error is not None and error.type == "general_unauthorized_scope" and "(role: guests)" in error.message:
        return "nobody" if kind is None else "session guest" if kind == "session" else "guest"
    return "session" if kind == "session" else "key"


def _filled(template: str, peer: Peer, error: ApiError | None) -> str:
    found = _SCOPE.search(error.message) if error else None
    return template.format(
        credential=peer.credential.in_use() if peer.credential else "the credential",
        endpoint=peer.endpoint,
        label=peer.label,
        project=peer.project,
        scope=f"the scope {found[1]}" if found else "the scope that is missing",
    )


def _presentable(text: str, peer: Peer) -> str:
    if _repeats(text, peer):
        return "(withheld: it repeats the credential)"
    masked = _SECRET.sub("(secret)", text)
    plain = "".join(character if character.isprintable() else " " for character in masked)
    return plain if len(plain) <= _LONGEST_MESSAGE else f"{plain[: _LONGEST_MESSAGE - 1]}…"


def _repeats(text: str, peer: Peer) -> bool:
    """Whether any part of the credential is in a text, in any case: names of hosts have none.

    The first letters, which only tell its kind, are masked elsewhere.
    """
    secret, shown = peer.credential.secret.reveal().lower() if peer.credential else "", text.lower()
    return any(secret[at : at + _WINDOW] in shown for at in range(max(1, len(secret) - _WINDOW + 1)) if secret)


def _origin(location: str) -> str:
    """Scheme and host of a redirect's target; "" for one within the same host, or none."""
    try:
        url = httpx.URL(location)
    except httpx.InvalidURL:
        return ""
    if url.scheme not in {"http", "https"} or not url.host:
        return ""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"
