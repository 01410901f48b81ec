"""Pure. What a piece of syntax refers to, and what running it could change.

Strategy: one walk with the stack of scopes at hand. Every use of a name that is not local becomes a chain. Beside it, a
rough account of effects is kept, because a value is what all statements that touch it make of it: `TABLE["a"] = 1`, a
decorator that registers, a loop that fills. It errs towards "could change": a call may change its arguments, a local
name given a global value is an alias of it. What is certain to run later only (the body of a function that is merely
returned) has its own level, so that decorating a function is not taken for calling it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence

from .annotations import last_name, unquoted
from .facts import CONSTANT_CALL, SUBCLASSES, Effect, How
from .scope import Scope, block, import_targets, look_up, nested, parameters

_IMPORTERS = frozenset({"import_module", "__import__"})
_PURE = (
    "abs all any ascii bin bool bytes callable chr classmethod complex divmod float format frozenset hasattr hash hex "
    "id int isinstance issubclass len oct ord pow print property range repr round slice staticmethod str super type"
)
_HARMLESS = frozenset(_PURE.split())
_READERS = frozenset(
    {"dict", "enumerate", "iter", "list", "max", "min", "reversed", "set", "sorted", "sum", "tuple", "zip"}
)
_LOCALS = frozenset({"locals", "vars"})
_RETURNED_BY = frozenset({"cast", "update_wrapper"})

Root = tuple[str, list[str]]


class Reader(ast.NodeVisitor):
    """Collects from the nodes given to `read`; `bound` are the names bound at the top of the module."""

    def __init__(self, bound: frozenset[str]) -> None:
        self.refs: dict[str, int] = {}
        self.notes: dict[str, None] = {}
        self.eager: dict[str, None] = {}
        self.effects: dict[Effect, None] = {}
        self.loads: dict[str, None] = {}
        self.lazy: dict[str, None] = {}
        self.dynamic: dict[tuple[str, int], None] = {}
        self._bound = bound
        self._scopes: list[Scope] = []
        self._level = 0
        self._given: str | None = None  # the callee whose arguments are being read; None outside any
        self._reading = False  # what is being read is only iterated over
        self._bare = False
        self._noting = False  # in an annotation: no effects, and what is not found is no matter
        self._sink = False  # the result of the next call is stored into: it may share what the call was given
        self._owner: tuple[str, str, frozenset[str]] | None = None  # first parameter, class, names in the class's body
        self._deferred: frozenset[str] = frozenset()  # functions of the present body that are returned, not called

    def read(self, nodes: Iterable[ast.AST | None]) -> None:
        """Walk `nodes`."""
        for node in nodes:
            if node is not None:
                self.visit(node)

    # names and chains

    def _is_builtin(self, name: str) -> bool:
        return name not in self._bound and look_up(name, self._scopes).is_global

    def _root(self, node: ast.expr) -> Root | None:
        """Split `a.b.c` into its root and attributes; None where the root is not a name."""
        attributes: list[str] = []
        while True:
            match node:
                case ast.Attribute():
                    if node.attr == "__subclasses__":
                        self._refer(SUBCLASSES, node)
                    attributes.append(node.attr)
                    node = node.value
                case ast.Name():
                    return node.id, attributes[::-1]
                case ast.Call(func=ast.Name("getattr"), args=[value, ast.Constant(str(name)), *rest]) if (
                    self._is_builtin("getattr")
                ):
                    self.read(rest)
                    attributes.append(name)
                    node = value
                case ast.Call() if (target := self._imported(node)) is not None:
                    return target, attributes[::-1]
                case _:
                    return None

    def _imported(self, call: ast.Call) -> str | None:
        """Return the target of `import_module("a.b")`, None for other calls; the callee is noted as followed."""
        callee = last_name(call.func)
        if callee not in _IMPORTERS or not call.args:
            return None
        match call.args:
            case [ast.Constant(str(name))] if not name.startswith(".") and not call.keywords:
                target = f"{name}:" if callee == "import_module" else f"{name.partition('.')[0]}:"
            case [ast.Constant(str(name)), ast.Name("__package__")] if callee == "import_module":
                target = f"{name}:"
            case _:
                return None
        for chain in self._chains(self._root(call.func)):
            self._refer(chain + CONSTANT_CALL, call)
        self._load(f"{name}:")
        return target

    def _chains(self, root: Root | None) -> list[str]:
        if root is None:
            return []
        name, attributes = root
        if ":" in name:
            return [_join(name, attributes)]
        meaning = look_up(name, self._scopes)
        chains = [_join(target, attributes) for target in meaning.targets]
        if meaning.is_global:
            chains.append(".".join((name, *attributes)))
        return chains

    def _refer(self, chain: str, node: ast.AST) -> None:
        if self._noting:
            self.notes[chain] = None
            return
        self.refs.setdefault(chain, getattr(node, "lineno", 0))
        if self._level == 0:
            self.eager[chain] = None

    def _effect(self, how: How, chain: str, note: str = "", level: int | None = None) -> None:
        if not self._noting:
            self.effects[Effect(self._level if level is None else level, how.value, chain, note, self._bare)] = None

    def _load(self, target: str) -> None:
        (self.lazy if self._level else self.loads)[target] = None

    def _use(self, node: ast.expr) -> None:
        """Note the use of a name or of an attribute chain."""
        root = self._root(node)
        if root is None:
            self.read(ast.iter_child_nodes(node))
            return
        for chain in self._chains(root):
            self._refer(chain, node)
            if self._given is not None:
                self._effect(How.READ if self._reading else How.ARGUMENT, chain, self._given)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node)
        else:
            self._store(node)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node)
        else:
            self._store(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._store(node)
            return
        given, reading = self._given, self._reading
        self._reading = reading or given == ""  # an element: only what holds more than immutables can change by it
        self.read([node.value])
        self._given, self._reading = None, False
        self.read([node.slice])
        self._given, self._reading = given, reading

    def _store(self, node: ast.expr) -> None:
        """Note a store to a name, an attribute or an element: it changes what the root names."""
        self._within(None, lambda: self._store_parts(node))

    def _store_parts(self, node: ast.expr) -> None:
        if isinstance(node, ast.Name):
            if self._scopes and node.id in self._scopes[-1].free:
                self._refer(node.id, node)
                self._effect(How.STORE, node.id)
            return
        if isinstance(node, ast.Attribute) and (root := self._root(node)) is not None:
            self._change(root, node)
            return
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute | ast.Subscript):
            if isinstance(inner, ast.Subscript):
                self.read([inner.slice])
            inner = inner.value
            if isinstance(inner, ast.Name | ast.Attribute) and (root := self._root(inner)) is not None:
                self._change(root, inner)
                return
        self._sink = isinstance(inner, ast.Call)
        self._read_as("", [inner])

    def _change(self, root: Root, node: ast.AST) -> None:
        for chain in self._chains(root):
            self._refer(chain, node)
            self._effect(How.STORE, chain)
        name, attributes = root
        if self._owner and self._owner[0] == name and attributes and attributes[0] in self._owner[2]:
            self._effect(How.STORE, self._owner[1])  # an attribute of the class, reached through `self` or `cls`

    def _within(self, given: str | None, walk: Callable[[], None], *, reading: bool = False) -> None:
        before = self._given, self._reading
        self._given, self._reading = given, reading
        walk()
        self._given, self._reading = before

    def _read_as(self, given: str | None, nodes: Iterable[ast.AST | None], *, reading: bool = False) -> None:
        self._within(given, lambda: self.read(nodes), reading=reading)

    # expressions

    def visit_Call(self, node: ast.Call) -> None:
        self._call(node, 1)

    def _call(self, node: ast.Call, calls: int) -> None:
        if self._root(node) is not None:
            self._use(node)
            return
        func = node.func
        root = self._root(func)
        callee, sink = "", self._sink
        self._sink = False
        if root is not None:
            callee = self._callee(root, node, calls)
        elif isinstance(func, ast.Call):
            self._call(func, calls + 1)
        elif isinstance(func, ast.Attribute):  # a method of an element or of a result
            if not isinstance(func.value, ast.Call):
                self._store(func.value)
            self._read_as(None, [func.value])
        else:
            self._read_as("", [func])
        arguments = [*node.args, *node.keywords]
        if callee == "type" and self._is_builtin(callee) and len(node.args) == 3:
            self._bases([node.args[1]])
        if callee in _HARMLESS and self._is_builtin(callee):
            self._read_as(None, arguments)
        elif callee in _READERS and self._is_builtin(callee):
            self._read_as("", arguments, reading=True)
        else:
            self._read_as("" if sink else callee, arguments)

    def _callee(self, root: Root, node: ast.Call, calls: int) -> str:
        """Note a call of a chain; return the chain, "" where it is local."""
        name, attributes = root
        for chain in (chains := self._chains(root)):
            self._refer(chain, node.func)
            if chain not in _HARMLESS and chain not in _READERS:
                self._effect(How.CALL, chain, str(calls))
        if not chains:
            if attributes and self._owner and self._owner[0] == name and attributes[0] in self._owner[2]:
                self._effect(How.STORE, self._owner[1])
            return ""
        line = node.func.lineno
        if name in _LOCALS and self._is_builtin(name) and not (node.args or self._scopes):
            self._refer("globals", node)
        match node:
            case ast.Call(func=ast.Name("getattr" | "setattr" | "delattr"), args=[value, attribute, *_]) if (
                self._is_builtin(name)
            ):
                if isinstance(attribute, ast.Constant) and isinstance(attribute.value, str):
                    self._store(ast.copy_location(ast.Attribute(value, attribute.value, ast.Store()), node))
                else:
                    for chain in self._chains(self._root(value)):
                        self.dynamic[chain, line] = None
                        if name != "getattr":
                            self._effect(How.STORE, chain)
        return chains[0]

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self._store(node.target)
        self._read_as("", [node.value])

    def _defaults(self, arguments: ast.arguments) -> None:
        """Defaults are made now, and are parameters' values when the function is called."""
        for default in (*arguments.defaults, *arguments.kw_defaults):
            self._read_as(None, [default])
            for chain in self._chains(self._root(default)) if default is not None else ():
                self._effect(How.ARGUMENT, chain, level=self._level + 1)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._defaults(node.args)
        scope = Scope(bound={parameter.arg for parameter in parameters(node.args)})
        scope.bound |= block([node.body]).bound
        before = self._level
        if self._given is None:
            self._level += 1  # kept for later, not given to anything that might call it now
        self._in_scope(scope, lambda: self._read_as("", [node.body]))
        self._level = before

    def _in_scope(self, scope: Scope, walk: Callable[[], None]) -> None:
        self._scopes.append(scope)
        walk()
        self._scopes.pop()

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        first = node.generators[0]
        self._read_as("", [first.iter], reading=True)
        scope = Scope()
        for generator in node.generators:
            scope.bound |= block([generator.target]).bound
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]

        def walk() -> None:
            for generator in node.generators:
                if generator is not first:
                    self._read_as("", [generator.iter], reading=True)
                self._read_as(None, [generator.target, *generator.ifs])
            self.read(results)

        self._in_scope(scope, walk)

    def visit_ListComp(self, node: ast.ListComp) -> None:
        self._comprehension(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._comprehension(node)

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> None:
        self._comprehension(node)

    def visit_DictComp(self, node: ast.DictComp) -> None:
        self._comprehension(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        inner: ast.expr = node  # operators work on values and give new ones
        while isinstance(inner, ast.BinOp):  # no recursion: texts are put together from hundreds of pieces
            self._read_as(None, [inner.right])
            inner = inner.left
        self._read_as(None, [inner])

    def visit_UnaryOp(self, node: ast.UnaryOp) -> None:
        self._read_as(None, [node.operand])

    def visit_Compare(self, node: ast.Compare) -> None:
        self._read_as(None, [node.left, *node.comparators])

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._read_as(None, node.values)

    # statements

    def visit_Expr(self, node: ast.Expr) -> None:
        before, self._bare = self._bare, True
        self.read([node.value])
        self._bare = before

    def visit_Assign(self, node: ast.Assign) -> None:
        self.read(node.targets)
        self._value(node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.read([node.target])
        self._annotation(node.annotation)
        if node.value is not None:
            self._value(node.value)

    def _value(self, node: ast.expr) -> None:
        """A value that gets a name: an alias in a function; at the top of a module, the new name's own atom."""
        self._read_as("" if self._level and not isinstance(node, ast.Lambda) else None, [node])

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self._store(node.target)
        if isinstance(node.target, ast.Name):  # what the name had so far may be changed in place, and be shared
            for chain in self._chains((node.target.id, [])):
                self._refer(chain, node)
                self._effect(How.STORE, chain)
        self._read_as("" if self._level else None, [node.value])

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None:
            self._read_as(None if isinstance(node.value, ast.Lambda) else "", [node.value])

    def visit_For(self, node: ast.For) -> None:
        self._for(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self._for(node)

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        self._read_as("", [node.iter], reading=True)
        self._read_as(None, [node.target, *node.body, *node.orelse])

    def visit_withitem(self, node: ast.withitem) -> None:
        self._read_as("", [node.context_expr])
        self._read_as(None, [node.optional_vars])

    def visit_Import(self, node: ast.Import) -> None:
        self._import(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        self._import(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for _, target, load in import_targets(node):
            self._load(load)
            if self._scopes and self._scopes[-1].is_class:
                self._refer(target, node)  # an attribute of the class, found through objects

    def visit_If(self, node: ast.If) -> None:
        branch: ast.stmt = node
        while isinstance(branch, ast.If):  # no recursion: `elif` nests
            self.read([branch.test, *branch.body])
            if len(branch.orelse) != 1:
                self.read(branch.orelse)
                return
            branch = branch.orelse[0]
        self.read([branch])

    # definitions

    def _decorators(self, nodes: Sequence[ast.expr]) -> None:
        for node in nodes:
            root = self._root(node)
            if root is None and isinstance(node, ast.Call):
                self._call(node, 2)
                continue
            self.read([node])
            for chain in self._chains(root):
                self._effect(How.CALL, chain, "1")

    def _annotation(self, node: ast.expr | None) -> None:
        if node is None:
            return
        before, self._noting = self._noting, True
        self._read_as(None, [unquoted(node)])
        self._noting = before

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._definition(node)

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._decorators(node.decorator_list)
        self._defaults(node.args)
        self._in_scope(self._type_parameters(node), lambda: self._function(node))

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.read(getattr(node, "type_params", ()))
        for parameter in parameters(node.args):
            self._annotation(parameter.annotation)
        self._annotation(node.returns)
        names = [parameter.arg for parameter in parameters(node.args)]
        scope = block(node.body)
        scope.bound.update(names)
        before = self._level, self._deferred, self._owner, self._bare
        in_class = len(self._scopes) > 1 and self._scopes[-2].is_class
        if self._owner and in_class and names:
            self._owner = (names[0], *self._owner[1:])
        if self._level == 0 or node.name in self._deferred:
            self._level += 1
        self._deferred = _only_returned(node.body)
        self._bare = False
        self._in_scope(scope, lambda: self._read_as(None, node.body))
        self._level, self._deferred, self._owner, self._bare = before

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._decorators(node.decorator_list)
        self._bases([*node.bases, *(keyword.value for keyword in node.keywords)])
        for keyword in node.keywords:
            if keyword.arg == "metaclass":  # it is called to make the class, and may keep it
                for chain in self._chains(self._root(keyword.value)):
                    self._effect(How.CALL, chain, "1")
                    self._effect(How.STORE, chain)
        self._in_scope(self._type_parameters(node), lambda: self._class(node))

    def _bases(self, nodes: Sequence[ast.expr]) -> None:
        for node in nodes:
            if isinstance(node, ast.Tuple):
                self._bases(node.elts)
                continue
            self.read([node])
            plain = node.value if isinstance(node, ast.Subscript) else node
            for chain in self._chains(self._root(plain)):
                self._effect(How.BASE, chain)

    def _class(self, node: ast.ClassDef) -> None:
        self.read(getattr(node, "type_params", ()))
        scope = block(node.body, is_class=True)
        before = self._owner
        top = all(not outer.bound for outer in self._scopes)
        self._owner = ("", node.name, frozenset(scope.bound)) if top else None
        self._in_scope(scope, lambda: self._read_as(None, node.body))
        self._owner = before

    def visit_TypeAlias(self, node: ast.AST) -> None:
        self.read([node.name])  # type: ignore[attr-defined]
        scope = self._type_parameters(node)
        self._in_scope(scope, lambda: self._annotation(node.value))  # type: ignore[attr-defined]

    def _type_parameters(self, node: ast.AST) -> Scope:
        return Scope(open=True, bound={parameter.name for parameter in getattr(node, "type_params", ())})


def _join(target: str, attributes: Sequence[str]) -> str:
    separator = "" if target.endswith(":") or not attributes else "."
    return target + separator + ".".join(attributes)


def _only_returned(body: Sequence[ast.stmt]) -> frozenset[str]:
    """Return the names of functions defined in `body` that it does nothing with but return them."""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    defined = {node.name for statement in body for node in nested(statement) if isinstance(node, functions)}
    used: set[str] = set()
    todo: list[ast.AST] = list(body) if defined else []
    while todo:
        node = todo.pop()
        match node:
            case ast.Return(value=ast.Name()):
                continue
            case ast.Return(value=ast.Call(func=callee, args=arguments)) if last_name(callee) in _RETURNED_BY:
                todo.extend(a for a in arguments if not isinstance(a, ast.Name))
                continue
            case ast.Attribute(value=ast.Name(), ctx=ast.Store()):
                continue
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
        todo.extend(ast.iter_child_nodes(node))
    return frozenset(defined - used)
