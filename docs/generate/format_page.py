"""docs/reference/NAME.md for a published JSON format: each object with its fields, each list of codes."""

from __future__ import annotations

from collections.abc import Iterator

from docs.generate.words import Node, code, filled, kind, meaning, resolved, table


def page(name: str, schema: Node) -> str:
    """The page of the format `name`."""
    return "\n\n".join(_Format(name, schema).parts())


class _Format:
    """One schema; every object and every list of codes in it gets a section of its own."""

    def __init__(self, name: str, schema: Node) -> None:
        self._name, self._schema = name, schema

    def parts(self) -> Iterator[str]:
        title = self._schema["title"]
        yield f"# {title}"
        yield filled(meaning(self._schema))
        yield f"`reconciler schema {self._name}` prints the schema that this page is made from."
        yield "## The whole"
        yield self._fields(self._schema)
        for heading, node in self._sections(self._schema, "The whole"):
            yield f"## {heading}"
            if (said := meaning(node)) != heading:
                yield filled(said)
            yield self._fields(node) if "properties" in node else self._codes(node)

    def _sections(self, node: Node, within: str) -> Iterator[tuple[str, Node]]:
        """What is told apart: of this node's own fields first, then of the definitions, in the order of the schema."""
        yield from self._inline(node, within)
        if node is self._schema:
            for definition in node.get("$defs", {}).values():
                if _is_apart(definition):
                    heading = definition["title"]
                    yield heading, definition
                yield from self._inline(definition, definition.get("title", ""))

    def _inline(self, node: Node, within: str) -> Iterator[tuple[str, Node]]:
        for field, own in node.get("properties", {}).items():
            yield from self._within(own, f"{within}: {field}")
        if "items" in node:
            yield from self._within(node["items"], within)

    def _within(self, node: Node, heading: str) -> Iterator[tuple[str, Node]]:
        if "$ref" in node:
            return
        if _is_apart(node):
            shown = node.get("title", heading) if "properties" in node else heading
            yield shown, node
            yield from self._inline(node, shown)
        elif "items" in node:
            yield from self._within(node["items"], heading)

    def _fields(self, node: Node) -> str:
        told = node.get("properties", {}).items()
        return table(
            ("field", "is", "meaning"),
            (
                (f"`{field}`", kind(self._schema, own, self._link), meaning(resolved(self._schema, own)))
                for field, own in told
            ),
        )

    def _codes(self, node: Node) -> str:
        return table(("code", "meaning"), ((code(each["const"]), meaning(each)) for each in node["oneOf"]))

    def _link(self, node: Node) -> str:
        """What an object or a list of codes is called where it stands in a field."""
        whole = resolved(self._schema, node)
        if "properties" in whole and "title" in whole:
            return f"[{whole['title'].lower()}](#{_anchor(whole['title'])})"
        if _are_codes(whole):
            return (
                f"[{whole['title'].lower()}](#{_anchor(whole['title'])})" if "title" in whole else "a code, see below"
            )
        return ""


def _is_apart(node: Node) -> bool:
    return "properties" in node or _are_codes(node)


def _are_codes(node: Node) -> bool:
    return bool(node.get("oneOf")) and all("const" in each and "description" in each for each in node["oneOf"])


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")
