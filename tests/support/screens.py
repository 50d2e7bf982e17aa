"""Plans and reports that between them show everything a screen can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from reconciler.core.credential import CredentialInUse
from reconciler.core.delivery import at
from reconciler.core.desired import After, At, Desired, DesiredKey, Forced, Rotation, SinkSpec
from reconciler.core.globs import Selection
from reconciler.core.guards import Allowances, Refusal, check, check_limit
from reconciler.core.holding import EMPTY, UNSEEN, Holding, Note, holding
from reconciler.core.ids import key_id
from reconciler.core.keys import Live, ServerFacts, own_ids
from reconciler.core.outcome import EnvironmentOutcome, Outcome, Result, Status
from reconciler.core.plan import Change, EnvironmentPlan, Plan
from reconciler.core.planner import plan_destroy, plan_environment
from reconciler.core.secret import Secret
from tests.support.builders import (
    NOW,
    OTHER_SINK,
    REALM,
    SECRET,
    SINK,
    desired,
    live,
    live_key,
    owned_id,
    undelivered,
    wanted,
)

DAY = timedelta(days=1)
CONTENT = ("databases.read", "tables.read", "rows.read", "files.read", "buckets.read", "columns.read")
FAR_SINK = SinkSpec(
    kind="dotenv",
    options=(
        ("path", "/srv/deployments/europe-west/storefront/secrets of the shop/production.env"),
        ("variable", "STOREFRONT_APPWRITE_ORGANIZATION_API_KEY"),
    ),
)
HOSTILE = "Name\x1b[31m`` | <b>bold</b>\n## heading \u202e [link](javascript:x) \\"


def everything() -> EnvironmentPlan:
    """One environment with every action but those of `rotating()`, every field and mark, and warnings; the reasons that
    are not here are in the environments below.
    """
    declared = desired(
        wanted("backend", title="Backend", scopes=CONTENT, sinks=(SINK, OTHER_SINK)),
        wanted("ci-deploy", title="CI deploy", scopes=["functions.write", "sites.write"], expiry=At(NOW + 400 * DAY)),
        wanted("globbed", scopes=[*CONTENT, "users.write"], from_globs=CONTENT, expiry=After(90 * DAY)),
        wanted("unfinished", sinks=(SINK,)),
        wanted("uncommitted", sinks=(SINK,)),
        wanted("lacking", title="Lacking, and renamed", sinks=(FAR_SINK,)),
        wanted("unreadable", sinks=(OTHER_SINK,)),
        wanted("renamed", title="New name"),
        wanted("rescoped", scopes=["users.read", "rows.read", "keys.read", "rows.write"], allow=["keys.read"]),
        wanted("longer", expiry=At(NOW + 90 * DAY)),
        wanted("endless"),
        wanted("ending", expiry=At(NOW - DAY)),
        wanted("past", expiry=At(NOW - DAY)),
        wanted("past-and-unfinished", expiry=At(NOW - DAY), sinks=(SINK,)),
        wanted("as-declared"),
        wanted("long-since-expired", expiry=At(NOW - 9 * DAY)),
        wanted("described", title="Described", description="Reads the catalogue.\nFor the shop's front end"),
        wanted("described-otherwise", description="New"),
        wanted("adopting", title="Adopting", scopes=["rows.read"], adopts="Legacy.Key"),
        wanted("narrowed", scopes=["rows.read"], lost=("users.read", "dotenv old.env APPWRITE_API_KEY")),
        wanted("replaced", sinks=(SINK,), lost=("teams.read",)),
        wanted("new-name", title="CI", former_slug="old-name"),
        wanted("lost-one", lost=("files.read",)),
        wanted("Tenant.With-A-Name_That-Fills-All-Of-The-Sixty-Four-Characters-00", scopes=()),
        warnings=('keys.yaml:12:5: scope "documents.read" is deprecated; write "rows.read"',),
        prune="expire",
        absent=frozenset({"By.Hand", "gone-already"}),
        ignore=("terraform-*",),
        protect=("narrowed", "protected", "biling-*"),
    )
    world = live(
        undelivered("unfinished", secret=None),
        undelivered("uncommitted"),
        undelivered("past-and-unfinished"),
        live_key("lacking"),
        live_key("unreadable"),
        live_key("renamed", accessed=NOW - DAY),
        live_key("rescoped", scopes=["users.read", "teams.read", "sites.read"], accessed=NOW - DAY),
        live_key("longer", expire=NOW + 30 * DAY + timedelta(milliseconds=5)),
        live_key("endless", expire=NOW + DAY),
        live_key("ending", accessed=NOW - 2 * DAY),
        live_key("as-declared"),
        live_key("long-since-expired", expire=NOW - 9 * DAY),
        live_key("undeclared", accessed=NOW - 3 * DAY),
        live_key("undeclared", generation=2, scopes=["keys.write"]),
        live_key("as-declared", generation=2),
        live_key("ended", title="Ended (retiring)", expire=NOW - DAY),
        live_key("retiring", title="Retiring (retiring)", expire=NOW + DAY),
        live_key("protected", title="Protected", accessed=NOW - 9 * DAY),
        live_key("described-otherwise", description="Old"),
        live_key("narrowed", scopes=["rows.read", "users.read"]),
        live_key("replaced", generation=2),
        undelivered("replaced"),
        live_key("old-name"),
        live_key("adopting"),
        live_key(id="Legacy.Key", title="Legacy", scopes=["rows.read", "rows.write"]),
        live_key(id="By.Hand", title="Made by hand"),
        live_key(id="terraform-1"),
        live_key(id="terraform-2"),
        *(live_key(id=f"by-hand-{number}", title=f"Made by hand {number}", secret=None) for number in range(7)),
        own=[live_key("undeclared", generation=2).id],
        version="2.6.2",
    )
    held = {SINK: holding(Secret("old")), FAR_SINK: EMPTY}
    return plan_environment(declared, world, held)


def left() -> EnvironmentPlan:
    """An environment that leaves what is not declared, on a server that keeps no descriptions."""
    declared = desired(wanted(description="For CI"), prune="report")
    return plan_environment(declared, live(live_key(), live_key("undeclared")), {})


def denied() -> tuple[Desired, EnvironmentPlan]:
    """What a key of the project may not do on a server that is hardened, and what is wanted there."""
    wish = desired(wanted(scopes=["users.read", "rows.read"]), wanted("new"))
    secret = Secret("standard_own")
    own = live_key(id="admin", scopes=["users.read", "keys.read"], secret=secret)
    credential = CredentialInUse(kind="project_key", source="APPWRITE_API_KEY", id="admin")
    facts = ServerFacts(version="2.6.2")
    keys = (own, live_key())
    world = Live(keys=keys, now=NOW, facts=facts, own=own_ids(keys, secret, "admin"), credential=credential)
    return wish, plan_environment(wish, world, {})


def sinks() -> tuple[Desired, EnvironmentPlan]:
    """Sinks that show nothing or cannot be looked at, hold another manifest's key, or lack a secret that is hidden."""
    hook = SinkSpec(kind="exec", options=(("command", ("./push", "--to", "{id}")), ("timeout", "30s")))
    plain = SinkSpec(kind="file", options=(("path", "secrets/exposed"),))
    vault = SinkSpec(kind="vault", options=(("field", "KEY"), ("secret", "shop/staging")))
    theirs = Note(key_id=key_id(replace(REALM, owner="another"), "taken"), created=NOW, fingerprint="0" * 32)
    wish = desired(
        wanted("hooked", sinks=(hook,)),
        wanted("lost", sinks=(SINK, hook)),
        wanted("exposed", sinks=(plain,)),
        wanted("named", sinks=(hook, vault)),
        wanted("taken", sinks=(FAR_SINK,)),
    )
    wish = replace(wish, selection=Selection(targets=("staging/*",)))
    held = {
        SINK: EMPTY,
        FAR_SINK: holding(Secret("another"), theirs),
        plain: Holding(occupied=True, secret=SECRET, outdated=True, why="its file is open to others, by mode 0644"),
        vault: Holding(occupied=None, why="https://vault.example.com answered 503"),
        **{at(hook, owned_id(name, n)): UNSEEN for name in ("hooked", "lost", "named") for n in (1, 2)},
    }
    found = live(live_key("hooked", secret=None), live_key("lost", secret=None), live_key("named"), live_key("exposed"))
    return wish, plan_environment(wish, found, held)


def rotating() -> EnvironmentPlan:
    """Keys under rotation: due, ending, adopted, retiring, and not due."""
    return rotation()[2]


def rotation() -> tuple[Desired, Live, EnvironmentPlan]:
    """The same, with what is wanted and what is live."""
    credential = live_key("own", scopes=["keys.write"])
    declared = desired(
        rotated("due", scopes=["users.read", "rows.read"]),
        rotated("ending"),
        rotated("gone"),
        rotated("adopting", adopts="Legacy.Key"),
        rotated("adopted-now", adopts="Other.Key"),
        rotated("fresh"),
        rotated("own", scopes=["keys.write"], allow=["keys.write"]),
    )
    world = live(
        live_key("due", age=91 * DAY),
        live_key("ending", expire=NOW + 3 * DAY, accessed=NOW - DAY),
        live_key("gone", title="CI (retiring)", expire=NOW + 2 * DAY),
        live_key(id="Legacy.Key", expire=NOW + 6 * DAY),
        live_key(id="Other.Key"),
        live_key("fresh", age=90 * DAY, accessed=NOW - DAY, expire=NOW + 7 * DAY),
        live_key("fresh", generation=2, title="CI (retiring)", age=20 * DAY, accessed=NOW - DAY, expire=NOW + DAY),
        live_key("fresh", generation=3, age=2 * DAY, expire=NOW + 95 * DAY),
        credential,
        live_key("own", generation=2, scopes=["keys.write"], age=2 * DAY, expire=NOW + 95 * DAY),
        own=[credential.id],
    )
    held = {sink: UNSEEN for key in declared.keys for sink in key.sinks}
    return declared, world, plan_environment(declared, world, held)


def rotated(name: str, **fields: object) -> DesiredKey:
    """A declared key that rotates every 90 days, with an overlap of a week."""
    rotation = Rotation(every=90 * DAY, overlap=7 * DAY)
    sink = SinkSpec(kind="dotenv", options=(("path", "secrets/staging.env"), ("variable", name.upper())))
    wish = wanted(name, sinks=(sink,), expiry=After(rotation.life), **fields)  # type: ignore[arg-type]
    return replace(wish, rotation=rotation)


def asked_for() -> EnvironmentPlan:
    """Keys whose rotation somebody asks for: under rotation or not, twice in one overlap, and not old enough."""
    wish = desired(rotated("rotating"), wanted("plain", sinks=(SINK,)), rotated("twice"), rotated("young"))
    world = live(
        live_key("rotating", expire=NOW + 67 * DAY),
        live_key("plain"),
        live_key("twice", title="CI (retiring)", age=90 * DAY, accessed=NOW - DAY, expire=NOW + DAY),
        live_key("twice", generation=2, age=20 * DAY, expire=NOW + 77 * DAY),
        live_key("young", title="Renamed by hand", age=DAY, expire=NOW + 96 * DAY),
    )
    return _forced(wish, world, Forced(older_than=7 * DAY))


def compromised() -> EnvironmentPlan:
    """Keys whose secrets have leaked: used, with a retiring one beside it, and one that a run did not finish."""
    wish = desired(rotated("used"), rotated("unfinished"))
    world = live(
        live_key("used", title="CI (retiring)", age=80 * DAY, expire=NOW + DAY),
        live_key("used", generation=2, accessed=NOW - DAY, expire=NOW + 67 * DAY),
        live_key("unfinished", expire=NOW + 67 * DAY),
        undelivered("unfinished", generation=2),
    )
    return _forced(wish, world, Forced(compromised=True))


def _forced(wish: Desired, world: Live, forced: Forced) -> EnvironmentPlan:
    held = {sink: UNSEEN for key in wish.keys for sink in key.sinks}
    return plan_environment(replace(wish, forced=forced), world, held)


def ending_with(name: str, end: datetime) -> DesiredKey:
    """A declared key with an end."""
    return wanted(name, expiry=At(end))


def refusals() -> tuple[Refusal, ...]:
    """One refusal of every guard."""
    many = tuple(live_key(f"key-{number}", accessed=NOW) for number in range(10))
    full = tuple(live_key(id=f"stranger-{number}") for number in range(1000))
    sensitive = wanted("auditor", scopes=["keys.read", "keys.write"])
    plans = (
        (desired(), live(*many[:1])),
        (desired(wanted("key-0")), live(*many, own=[many[9].id])),
        (desired(sensitive), live(*full)),
        (desired(wanted("other"), protect=("key-*",)), live(live_key("key-0"), live_key("other"))),
    )
    made = [(wish, plan_environment(wish, world, {})) for wish, world in plans]
    found = [refusal for wish, plan in (*made, denied(), sinks()) for refusal in check(wish, plan, Allowances())]
    limits = [refusal for _, plan in made for refusal in check_limit([plan])]
    twice = check(desired(), asked_for(), Allowances())
    return tuple({refusal.guard: refusal for refusal in (*twice, *found, *limits)}.values())


def hostile() -> EnvironmentPlan:
    """Names and ids that would take over a terminal or a page."""
    declared = desired(wanted("renamed", title=HOSTILE), wanted("new", title=HOSTILE), warnings=(HOSTILE,))
    return plan_environment(
        declared, live(live_key("renamed", title="`" + HOSTILE), live_key(id="x\x1b[2J", title=HOSTILE)), {}
    )


def unchanged() -> EnvironmentPlan:
    """An environment that is as declared."""
    return plan_environment(desired(wanted()), live(live_key(), live_key(id="by-hand")), {})


def destroyed() -> EnvironmentPlan:
    """An environment that is emptied."""
    return plan_destroy(desired(wanted()), live(live_key(), live_key("old", accessed=NOW)))


def whole() -> Plan:
    """Several environments."""
    made = (everything(), left(), denied()[1], sinks()[1], rotating(), asked_for(), compromised())
    return Plan(environments=(*made, unchanged(), destroyed()))


def outcome() -> Outcome:
    """A report with every status, with and without words, and warnings."""
    changes = everything().changes
    ends = [
        (Status.APPLIED, "", ""),
        (
            Status.APPLIED,
            "its secret was delivered nowhere",
            "`reconciler reveal ADDRESS` prints it",
        ),
        (
            Status.FAILED,
            'staging: creating key ci.aaaaaaaa.g1 in project p1 failed: the server answered 500: "Server Error"',
            "whoever runs http://localhost/v1 finds the cause in its log; then run the same command again",
        ),
        (
            Status.UNDELIVERED,
            "dotenv secrets/staging.env APPWRITE_API_KEY: secrets/staging.env: No space left on device",
            "see who owns it, and whether the disk is full",
        ),
        (Status.ALREADY_SO, "", ""),
        (Status.NOT_ATTEMPTED, "interrupted", "run it again"),
        (Status.NOT_ATTEMPTED, "something before it failed, and nothing is deleted then", ""),
    ]
    results = tuple(
        Result(
            change=change,
            status=status,
            message=message,
            hint=hint,
            escrow=f"escrow/staging/{change.key_id}.age" if status is Status.UNDELIVERED else "",
        )
        for change, (status, message, hint) in zip(changes, [*ends, *[ends[0]] * len(changes)], strict=False)
    )
    return Outcome(
        environments=(
            EnvironmentOutcome(
                environment="staging",
                owner="shop",
                results=results,
                warnings=("the server's cache could not be refreshed: the server answered 500",),
            ),
        ),
        warnings=(".reconciler/runs cannot be tidied: Permission denied",),
    )


def success(*changes: Change) -> Outcome:
    """A report in which everything went well."""
    results = tuple(Result(change=change, status=Status.APPLIED) for change in changes)
    return Outcome(environments=(EnvironmentOutcome(environment="staging", owner="shop", results=results),))


@cache
def mass(count: int) -> Plan:
    """An environment with that many changes of three kinds."""
    declared = desired(*(wanted(f"key-{number}", scopes=CONTENT) for number in range(count * 2 // 3)))
    found = live(*(live_key(f"key-{number}", title=f"Key {number}") for number in range(count // 3, count)))
    return Plan(environments=(plan_environment(declared, found, {}),))
