"""Several values together: sequences, sets, tables, and one of several types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from .form import Broken, Form, Given, Out, Plain


def listed(plain: Plain) -> list[Plain]:
    """A list. Raises Broken."""
    if not isinstance(plain, list):
        raise Broken("a list was expected")
    return plain


class Items(Form):
    """Any number of values of one form: a tuple, list or set, as `made` makes it."""

    def __init__(self, kinds: tuple[type, ...], made: Callable[[Iterable[Any]], Any], item: Form) -> None:
        self.name, self._kinds, self._made, self._item = f"several {item.name}", kinds, made, item

    def parts(self) -> Iterable[Form]:
        return (self._item,)

    def fits(self, value: object) -> bool:
        return isinstance(value, self._kinds) and not isinstance(value, str)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        items = sorted(value) if isinstance(value, frozenset) else value
        return [self._item.encode(item, out) for item in items]

    def decode(self, plain: Plain, given: Given) -> Any:
        return self._made(self._item.decode(item, given) for item in listed(plain))


class Row(Form):
    """A tuple with a form for each of its places."""

    def __init__(self, places: Sequence[Form]) -> None:
        self.name, self._places = f"a tuple of {len(places)}", places

    def parts(self) -> Iterable[Form]:
        return self._places

    def fits(self, value: object) -> bool:
        return isinstance(value, tuple) and len(value) == len(self._places)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        return [place.encode(item, out) for place, item in zip(self._places, value, strict=True)]

    def decode(self, plain: Plain, given: Given) -> Any:
        if len(listed(plain)) != len(self._places):
            raise Broken(f"{len(self._places)} values were expected where there are {len(plain)}")
        return tuple(place.decode(item, given) for place, item in zip(self._places, plain, strict=True))


class Table(Form):
    """Values by name, as pairs: names need not be texts, and their order stays."""

    def __init__(self, key: Form, item: Form) -> None:
        self.name, self._key, self._item = f"a table of {item.name}", key, item

    def parts(self) -> Iterable[Form]:
        return (self._key, self._item)

    def fits(self, value: object) -> bool:
        return isinstance(value, Mapping)

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        return [[self._key.encode(key, out), self._item.encode(item, out)] for key, item in value.items()]

    def decode(self, plain: Plain, given: Given) -> Any:
        table: dict[Any, Any] = {}
        for pair in listed(plain):
            if len(listed(pair)) != 2:
                raise Broken("a name and a value were expected")
            table[self._key.decode(pair[0], given)] = self._item.decode(pair[1], given)
        if len(table) != len(plain):
            raise Broken("a name stands twice in a table")
        return table


class OneOf(Form):
    """A value of one of several types, or None. Where they are several, the type's name stands beside the value."""

    def __init__(self, members: Sequence[Form], or_none: bool) -> None:
        self._members = {member.name: member for member in members}
        if len(self._members) < len(members):
            raise TypeError(f"two types of a union are called the same: {', '.join(member.name for member in members)}")
        self._or_none = or_none
        self.name = " or ".join([*self._members, *(["None"] if or_none else [])])

    def parts(self) -> Iterable[Form]:
        return self._members.values()

    def fits(self, value: object) -> bool:
        return (value is None and self._or_none) or any(member.fits(value) for member in self._members.values())

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        if value is None and self._or_none:
            return None
        member = next(member for member in self._members.values() if member.fits(value))
        plain = member.encode(value, out)
        return plain if len(self._members) == 1 else {"is": member.name, "value": plain}

    def decode(self, plain: Plain, given: Given) -> Any:
        if plain is None and self._or_none:
            return None
        if len(self._members) == 1:
            return next(iter(self._members.values())).decode(plain, given)
        if not isinstance(plain, dict) or set(plain) != {"is", "value"} or not isinstance(plain["is"], str):
            raise Broken(f"one of {self.name} was expected")
        if plain["is"] not in self._members:
            raise Broken(f"{plain['is'][:40]!r} is none of {self.name}")
        return self._members[plain["is"]].decode(plain["value"], given)
