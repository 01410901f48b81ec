"""Pure. Dataclasses that cost next to nothing until they are used: the standard library's as far as they go.

The standard library writes half a dozen functions for each class as text and compiles them, which was a third of all
that importing this package took, and brings in `inspect` to do so. A run needs most of these classes never, or for
little. So here `__eq__`, `__hash__`, `__repr__` and what pickles are closures over the fields' names, and only
`__init__` is compiled, when a class was called some times.

For a type checker these are the standard library's, and for whoever asks at run time too: `dataclasses.fields`,
`replace` and `is_dataclass` know them, and what they ask for is made then.

Not here: inheritance, `order`, `kw_only`, `InitVar`, fields that are no arguments. A class that needs them takes the
standard library's.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` and `dataclasses` are what is to be saved
if TYPE_CHECKING:
    from dataclasses import MISSING, asdict, dataclass, field, fields, replace
else:
    from operator import attrgetter

    class _Missing:
        """No default: a thing that nobody can mean."""

        __slots__ = ()

        def __repr__(self):
            return "MISSING"

    MISSING = _Missing()

    _CALLS = 16
    """How many instances are made before `__init__` is compiled, which takes as long as making a hundred more."""

    class Field:
        """One field of a class: its name, its type as text, what it is without an argument, and who looks at it."""

        __slots__ = ("compare", "default", "default_factory", "name", "repr", "type")

        def __init__(self, default=MISSING, default_factory=MISSING, repr=True, compare=True):
            self.default = default
            self.default_factory = default_factory
            self.repr = repr
            self.compare = compare
            self.name = self.type = ""

    def field(*, default=MISSING, default_factory=MISSING, repr=True, compare=True):
        """Say of a field what its annotation does not, as `dataclasses.field` does."""
        return Field(default, default_factory, repr, compare)

    def dataclass(kind=None, /, *, frozen=False, slots=False, eq=True):
        """Make a class of annotated fields a dataclass, as `dataclasses.dataclass` does.

        Raises TypeError for what is not done here.
        """
        if kind is None:
            return lambda kind: _made(kind, frozen, slots, eq)
        return _made(kind, frozen, slots, eq)

    def fields(kind):
        """Return the fields of a class made here, or of an instance, in order, as `dataclasses.fields` does."""
        return (kind if isinstance(kind, type) else type(kind)).__dict__["__dataclass_fields__"].fields

    def replace(instance, /, **changes):
        """Return a copy with other values in some fields, as `dataclasses.replace` does."""
        return type(instance)(**{f.name: getattr(instance, f.name) for f in fields(instance)} | changes)

    def asdict(instance):
        """Return the values by name, as `dataclasses.asdict` does; plain values are not copied."""
        return {f.name: _plain(getattr(instance, f.name)) for f in fields(instance)}

    def _plain(value):
        if isinstance(type(value).__dict__.get("__dataclass_fields__"), _ForOthers):
            return asdict(value)
        if type(value) is dict:
            return {key: _plain(item) for key, item in value.items()}
        if type(value) in (list, tuple):
            return type(value)(map(_plain, value))
        return value

    class _ForOthers:
        """What the standard library looks for on a class, made when it looks."""

        __slots__ = ("_made", "fields", "frozen")

        def __init__(self, fields, frozen):
            self.fields = fields
            self.frozen = frozen
            self._made = None

        def __get__(self, instance, owner):
            if self._made is None:
                self._made = _standard_fields(self.fields, self.frozen)
            return self._made

    def _standard_fields(fields, frozen):
        """Return the standard library's description of `fields`, by name."""
        import dataclasses

        given = [(f.name, f.type, dataclasses.field(**_options(f))) for f in fields]
        return dataclasses.make_dataclass("_", given, frozen=frozen).__dataclass_fields__

    def _options(field):
        options = {"repr": field.repr, "compare": field.compare}
        if field.default is not MISSING:
            options["default"] = field.default
        if field.default_factory is not MISSING:
            options["default_factory"] = field.default_factory
        return options

    def _made(kind, frozen, slots, eq):
        if kind.__bases__ != (object,) or (frozen and not slots):
            raise TypeError(f"{kind.__name__} needs more than is done here: take `dataclasses`")
        fields = tuple(_declared(kind))
        names = tuple(f.name for f in fields)
        own = {name: value for name, value in kind.__dict__.items() if name not in ("__dict__", "__weakref__")}
        if slots:
            own = {name: value for name, value in own.items() if name not in names}
            own["__slots__"] = names
        added = {"__match_args__": names, "__dataclass_fields__": _ForOthers(fields, frozen)}
        added["__repr__"] = _repr(tuple(f.name for f in fields if f.repr))
        if eq:
            added["__eq__"], added["__hash__"] = _comparing(tuple(f.name for f in fields if f.compare))
            if not frozen:
                added["__hash__"] = None
        if slots:
            added["__reduce__"] = _reduce(names)
        if frozen:
            added["__setattr__"], added["__delattr__"] = _refuse_to_set, _refuse_to_delete
        for name, value in added.items():
            own.setdefault(name, value)
        made = type(kind.__name__, (), own)
        made.__qualname__ = kind.__qualname__
        made.__init__ = _compiling(made, fields, frozen)
        return made

    def _declared(kind):
        """Yield the fields of a class in order."""
        optional = ""
        for name, text in kind.__annotations__.items():
            if text.startswith("ClassVar"):
                continue
            given = kind.__dict__.get(name, MISSING)
            found = given if isinstance(given, Field) else Field(given)
            if found.default.__class__.__hash__ is None:
                raise TypeError(f"a default that can change: {kind.__name__}.{name} needs a `default_factory`")
            found.name, found.type = name, text
            if _is_optional(found):
                optional = name
            elif optional:
                raise TypeError(f"{kind.__name__}.{name} has no default and follows {optional}, which has one")
            yield found

    def _is_optional(field):
        return field.default is not MISSING or field.default_factory is not MISSING

    def _values(names):
        """Return what gives the values of an instance as a tuple."""
        if len(names) > 1:
            return attrgetter(*names)
        if not names:
            return lambda instance: ()
        get = attrgetter(*names)  # for one name this gives the value and no tuple
        return lambda instance: (get(instance),)

    def _comparing(names):
        get = _values(names)

        def equals(self, other):
            if other.__class__ is not self.__class__:
                return NotImplemented
            return get(self) == get(other)

        def hashed(self):
            return hash(get(self))

        return equals, hashed

    def _repr(names):
        def shown(self):
            told = (f"{name}={getattr(self, name)!r}" for name in names)
            return f"{type(self).__qualname__}({', '.join(told)})"

        return shown

    def _reduce(names):
        get = _values(names)

        def reduced(self):
            return self.__class__, get(self)

        return reduced

    def _refuse_to_set(self, name, value):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def _refuse_to_delete(self, name):
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def _compiling(kind, fields, frozen):
        """Return an `__init__` that takes three times as long as a compiled one, and puts that in its place when it
        was called so often that it pays, or is called in a way that is an error.
        """
        setters = [None] * len(fields)
        calls = 0

        def first(self, *args, **kwargs):
            nonlocal calls
            calls += 1
            given = args if len(args) == len(fields) and not kwargs else _arguments(fields, args, kwargs)
            if calls > _CALLS or given is None:
                kind.__init__ = _init(kind, fields, frozen)
                kind.__init__(self, *args, **kwargs)
                return
            if frozen:
                if calls == 1:
                    setters[:] = (kind.__dict__[field.name].__set__ for field in fields)
                for set_, value in zip(setters, given, strict=True):
                    set_(self, value)
            else:
                for field, value in zip(fields, given, strict=True):
                    setattr(self, field.name, value)
            if hasattr(kind, "__post_init__"):
                self.__post_init__()

        return first

    def _arguments(fields, args, kwargs):
        """Return the values of all fields in order, None where these are no arguments for them."""
        if len(args) > len(fields):
            return None
        values = [*args]
        named = 0
        for field in fields[len(args) :]:
            if field.name in kwargs:
                values.append(kwargs[field.name])
                named += 1
            elif field.default_factory is not MISSING:
                values.append(field.default_factory())
            elif field.default is not MISSING:
                values.append(field.default)
            else:
                return None
        return values if named == len(kwargs) else None

    def _init(kind, fields, frozen):
        """Compile the `__init__` of a class. It sets a frozen field through its slot, which `__setattr__` guards."""
        known = {"_nothing": MISSING}
        arguments, lines = ["self"], []
        for number, field in enumerate(fields):
            name = value = field.name
            if field.default_factory is not MISSING:
                known[f"_make{number}"] = field.default_factory
                arguments.append(f"{name}=_nothing")
                value = f"_make{number}() if {name} is _nothing else {name}"
            elif field.default is not MISSING:
                known[f"_default{number}"] = field.default
                arguments.append(f"{name}=_default{number}")
            else:
                arguments.append(name)
            if frozen:
                known[f"_set{number}"] = kind.__dict__[name].__set__
                lines.append(f"  _set{number}(self, {value})")
            else:
                lines.append(f"  self.{name} = {value}")
        if hasattr(kind, "__post_init__"):
            lines.append("  self.__post_init__()")
        body = "\n".join(lines) or "  pass"
        text = f"def make({', '.join(known)}):\n def __init__({', '.join(arguments)}):\n{body}\n return __init__"
        exec(text, made := {})  # noqa: S102 - of the names of fields, which are identifiers
        init = made["make"](**known)
        init.__qualname__ = f"{kind.__qualname__}.__init__"
        return init


__all__ = ["MISSING", "asdict", "dataclass", "field", "fields", "replace"]
