"""Frozen dataclasses: a form for each field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cached_property
from typing import Any, get_type_hints

from ...errors import SightlineError
from .form import Broken, Form, Given, Out, Plain


class Record(Form):
    """A dataclass. A field that the file lacks has its default, as files of earlier versions lack what came later; one
    that the dataclass lacks is refused."""

    def __init__(self, kind: type[Any], form_of: Callable[[Any], Form], apart: Collection[str] = ()) -> None:
        """The fields `apart` have no form here: whoever asks for that sees to them."""
        self.name, self.kind, self._form_of, self._apart = kind.__name__, kind, form_of, apart

    @cached_property
    def forms(self) -> Mapping[str, Form]:
        """The form of each field that the dataclass is made with; found late, for types may hold themselves."""
        hints = get_type_hints(self.kind)
        own = (field.name for field in fields(self.kind) if field.init and field.name not in self._apart)
        return {name: self._form_of(hints[name]) for name in own}

    def parts(self) -> Iterable[Form]:
        return self.forms.values()

    @cached_property
    def _required(self) -> frozenset[str]:
        own = (field for field in fields(self.kind) if field.init)
        return frozenset(f.name for f in own if f.default is MISSING and f.default_factory is MISSING)

    def fits(self, value: object) -> bool:
        return type(value) is self.kind

    def encode(self, value: Any, out: Out) -> Plain:
        self.check(value)
        return {name: form.encode(getattr(value, name), out) for name, form in self.forms.items()}

    def decode(self, plain: Plain, given: Given) -> Any:
        return self.made({name: self.forms[name].decode(item, given) for name, item in self.named(plain).items()})

    def named(self, plain: Plain) -> dict[str, Plain]:
        """The fields as they stand in the file. Raises Broken where they are not those of the dataclass."""
        if not isinstance(plain, dict):
            raise Broken(f"a {self.name} was expected")
        if foreign := plain.keys() - self.forms.keys() - set(self._apart):
            raise Broken(f"a {self.name} has no {sorted(foreign)[0][:40]!r}")
        if missing := self._required - plain.keys():
            raise Broken(f"a {self.name} lacks {sorted(missing)[0]!r}")
        return plain

    def made(self, values: Mapping[str, Any]) -> Any:
        """The dataclass of its fields' values. Raises Broken where it refuses them."""
        try:
            return self.kind(**values)
        except (SightlineError, ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
            raise Broken(f"the values of a {self.name} do not go together") from error
