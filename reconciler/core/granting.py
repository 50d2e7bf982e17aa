"""What the scope lists of a key come to, once sets are spelt out, globs expanded and relative lists applied.

A relative list (each entry begins with + or -) first adds, then takes away, so that the order of its entries means
nothing. Taking away what is not there is a fault. A glob takes away whatever it matches, sensitive and deprecated
scopes too; adding, it never grants those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core.declared import ScopeList, is_relative
from reconciler.core.document import Document, Path
from reconciler.core.globs import first_match
from reconciler.core.quoting import quoted
from reconciler.core.scopes import Fault, Grants, Vocabulary
from reconciler.core.suggest import did_you_mean

Entry = tuple[int, str]
"""An entry of the n-th list: what one layer may take away, the next cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a key's lists come to. `from_globs` are in `scopes` only because of a glob."""

    scopes: frozenset[str]
    from_globs: frozenset[str]
    faults: Mapping[Entry, Fault]


@dataclass(slots=True)
class _Held:
    """What a key holds so far: scopes that are named, and those that only a glob brought in."""

    named: set[str] = field(default_factory=set)
    globbed: set[str] = field(default_factory=set)
    faults: dict[Entry, Fault] = field(default_factory=dict)

    def add(self, number: int, grants: Grants) -> None:
        self.named |= grants.scopes - grants.from_globs
        self.globbed |= grants.from_globs
        self.faults |= {(number, entry): fault for entry, fault in grants.faults.items()}

    def take(self, number: int, entry: str, members: Iterable[str]) -> set[str]:
        """The scopes that an entry such as `-@set` takes away; what is not there is its fault."""
        held = self.named | self.globbed
        taken: set[str] = set()
        for member in members:
            matched = {scope for scope in held if scope == member or ("*" in member and first_match([member], scope))}
            if not matched:
                whose = "" if entry == f"-{member}" else f" with {quoted(member)}"
                self.faults[number, entry] = Fault(
                    message=f"{quoted(entry)} takes away{whose} what is not there",
                    hint=did_you_mean(member, held) or "leave it out: no layer beneath grants it",
                )
            taken |= matched
        return taken

    def remove(self, scopes: set[str]) -> None:
        self.named -= scopes
        self.globbed -= scopes


class Granting:
    """The scope lists of one environment; equal lists are worked out once."""

    def __init__(self, document: Document, sets: Mapping[str, tuple[str, ...]], vocabulary: Vocabulary) -> None:
        self._document = document
        self._sets = sets
        self._vocabulary = vocabulary
        self._grants: dict[tuple[tuple[str, ...], ...], Granted] = {}

    def grants(self, lists: tuple[ScopeList, ...]) -> Granted:
        """What a key's lists come to, the lowest layer first."""
        entries = tuple(each.entries for each in lists)
        if entries not in self._grants:
            self._grants[entries] = self._worked_out(entries)
        return self._grants[entries]

    def _worked_out(self, lists: tuple[tuple[str, ...], ...]) -> Granted:
        held = _Held()
        for number, entries in enumerate(lists):
            if is_relative(entries):
                added = [entry[1:] for entry in entries if entry[0] == "+"]
                held.add(number, self._vocabulary.grants(self._spelt_out(added)))
                taken = [entry for entry in entries if entry[0] == "-"]
                gone = [held.take(number, entry, self._spelt_out([entry[1:]])) for entry in taken]
                held.remove(set().union(*gone))
            else:
                held.add(number, self._vocabulary.grants(self._spelt_out(entries)))
        return Granted(
            scopes=frozenset(held.named | held.globbed),
            from_globs=frozenset(held.globbed - held.named),
            faults=held.faults,
        )

    def _spelt_out(self, entries: Iterable[str]) -> Iterator[str]:
        for entry in entries:
            if entry.startswith("@"):
                yield from self._sets[entry[1:]]
            else:
                yield entry

    def entries(self, lists: Iterable[ScopeList]) -> Iterator[tuple[Entry, Path]]:
        """Names, globs and what takes away, with their places; a set's members stand where the set is declared."""
        for number, each in enumerate(lists):
            for index, written in enumerate(each.entries):
                entry = written.removeprefix("+")
                if entry.startswith("@"):
                    for position, member in enumerate(self._sets[entry[1:]]):
                        yield (number, member), ("scope_sets", entry[1:], position)
                else:
                    yield (number, entry), (*each.at, index)

    def deprecations(self, keys: Iterable[tuple[ScopeList, ...]]) -> Iterator[str]:
        """A line per deprecated scope that somebody names, with its first place and its successor."""
        successors = self._vocabulary.catalogue.deprecated
        places: dict[str, Path] = {}
        for lists in keys:
            if self.grants(lists).scopes & successors.keys():
                for (_, entry), place in self.entries(lists):
                    if entry in successors:
                        places.setdefault(entry, place)
        for scope, place in sorted(places.items()):
            successor = successors[scope]
            advice = f'; write "{successor}"' if successor else ""
            yield f'{self._document.position(place)}: scope "{scope}" is deprecated{advice}'
