"""docs/reference/manifest.md: every field of the manifest, where it stands, what it takes, what it means.

A field's heading is its name behind the thing that it belongs to, such as `key.scopes`, so that each has an anchor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from docs.generate.words import Node, code, filled, flow, kind, meaning, prose, resolved, table

_INTRODUCTION = """\
# The manifest

One YAML file, or several with an owner each. The fields stand in these places:

```yaml
version: 1
owner: shop
scope_sets: {content-read: [databases.read, rows.read]}
defaults: {expire: 365d} # a partial key
keys:
  storefront: {scopes: ["@content-read"]} # a key
environments:
  production: # an environment
    endpoint: https://fra.cloud.appwrite.io/v1
    project: shop
    keys:
      storefront: {scopes: [+users.read]} # a key again, merged over the one above
```

How `defaults`, `keys` and an environment's `keys` are merged is told under [layers](../concepts.md#layers). `${VAR}`
and `${VAR:-default}` are expanded where a field says so, and nowhere else. Unknown fields, fields given twice and blank
values are errors, and so is text that looks like a secret of Appwrite, since a plan would show it. `null` removes what
a lower layer says, where a field takes it. `reconciler schema manifest` prints the schema that this page is made from,
for editors."""
_TOLD_ELSEWHERE = {
    "#/$defs/keys": "names, each with [a key](#key) or `null`",
    "#/$defs/key": "[a key](#key)",
    "#/$defs/defaults": "[a key](#key), in part",
    "#/$defs/environment": "[an environment](#environment)",
    "#/$defs/sink": "[a sink](#sink)",
}
_PARTS = (
    ("Manifest", "", None),
    ("Environment", "environment", "environment"),
    ("Key", "key", "key"),
    ("Sink", "sink", "sink"),
)


def page(schema: Node) -> str:
    """The page."""
    parts = [_INTRODUCTION]
    for title, prefix, definition in _PARTS:
        node = schema["$defs"][definition] if definition else schema
        parts += _part(schema, title, prefix, node)
    return "\n\n".join(parts)


def _part(schema: Node, title: str, prefix: str, node: Node) -> Iterator[str]:
    fields = list(_fields(schema, prefix, node))
    yield f"## {title}"
    yield filled(meaning(node))
    links = ((f"[`{path}`](#{path.replace('.', '')})", _summary(schema, field)) for path, field, _ in fields)
    rows = (
        (link, what, _presence(needed, field)) for (link, what), (_, field, needed) in zip(links, fields, strict=True)
    )
    yield table(("field", "what", "by default"), rows)
    for path, field, _ in fields:
        yield f"### {path}"
        yield "\n\n".join(_told(schema, field))


def _fields(schema: Node, prefix: str, node: Node) -> Iterator[tuple[str, Node, bool]]:
    """Path, node and whether it is required, of each field and of those below it."""
    for name, field in node.get("properties", {}).items():
        path = f"{prefix}.{name}".lstrip(".")
        yield path, field, name in node.get("required", ())
        if not _link(field):
            yield from _fields(schema, path, resolved(schema, field))


def _summary(schema: Node, field: Node) -> str:
    """The first sentence of what a field means."""
    said = meaning(field) or meaning(resolved(schema, field))
    return re.split(r"\.(?= |$)", said, maxsplit=1)[0]


def _presence(needed: bool, field: Node) -> str:
    return "required" if needed else code(field["default"]) if "default" in field else ""


def _told(schema: Node, field: Node) -> Iterator[str]:
    whole = resolved(schema, field)
    said = kind(schema, field, _link).replace("an object", "an object with the fields below")
    yield filled(f"{re.sub('[a-z]', lambda first: first[0].upper(), said, count=1)}." if said[0] != "`" else f"{said}.")
    yield filled(meaning(field) or meaning(whole))
    if rules := list(_rules(schema, whole)):
        yield "\n".join(rules)
    if examples := [_example(each) for each in whole.get("examples", ())]:
        yield f"Such as {', '.join(examples)}."


def _rules(schema: Node, whole: Node) -> Iterator[str]:
    if (rule := whole.get("errorMessage")) and not {"const", "enum"} & whole.keys():  # which say it themselves
        yield filled(f"It {prose(rule)}.", bullet="- ")
    names = resolved(schema, whole.get("propertyNames", {}))
    if rule := names.get("errorMessage"):
        yield filled(f"Each name {prose(rule)}.", bullet="- ")
    each = whole.get("items") or whole.get("additionalProperties")
    if isinstance(each, dict) and not _link(each) and (rule := resolved(schema, each).get("errorMessage")):
        yield filled(f"Each entry {prose(rule)}.", bullet="- ")


def _example(value: object) -> str:
    return code(value) if isinstance(value, str) else f"`{flow(value)}`"


def _link(node: Node) -> str:
    return _TOLD_ELSEWHERE.get(node.get("$ref", ""), "")
