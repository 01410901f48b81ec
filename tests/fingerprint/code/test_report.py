"""What an identity says beside its digest: holes, distributions, modules, the signature; and the errors."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ckptflow.errors import CodeError
from ckptflow.fingerprint.code import Codebase, CodeIdentity, Parameter, ParameterKind, identify

Identity = Callable[..., CodeIdentity]


def holes(found: CodeIdentity) -> list[tuple[str, int, str, str]]:
    return [(hole.symbol, hole.line, hole.module, hole.reason) for hole in found.holes]


@pytest.mark.parametrize(
    ("body", "taken", "reason"),
    [
        ("return globals()[n]", "m", "`globals` reads the module's names as a mapping"),
        ("return eval(n)", "m", "`eval` evaluates text"),
        ("exec(n)", "m", "`exec` executes text"),
        ("return __import__(n)", "m", "`__import__` imports a module by a computed name"),
        ("return importlib.import_module(n)", "m", "`importlib.import_module` imports a module by a computed name"),
        ("return im(n)", "m", "`im` imports a module by a computed name"),
        ("return map(im, n)", "m", "`im` imports a module by a computed name"),
        ("return getattr(a, n)", "a", "`a` is asked for a computed attribute"),
        ("setattr(a, n, 1)", "a", "`a` is asked for a computed attribute"),
        ("return sys.modules[n]", "m", "`sys.modules` uses the table of modules"),
        ("return runpy.run_path(n)", "m", "`runpy.run_path` runs a file"),
        ("return a.nothing", "a", "`a.nothing` is bound nowhere in a"),
        ("return nothing", "m", "`nothing` is bound nowhere in m"),
    ],
)
def test_a_hole_is_reported_and_takes_the_module(body: str, taken: str, reason: str, identity: Identity) -> None:
    text = f"""\
import importlib, runpy, sys
from importlib import import_module as im
import a
def unrelated():
    return 1
def f(n):
    {body}
"""
    files = {"m.py": text, "a.py": "def unrelated():\n    return 1\n"}
    found = identity(files)
    assert holes(found) == [("m:f", 7, taken, reason)]
    changed = f"{'m' if taken == 'm' else 'a'}.py"
    edited = identity({**files, changed: files[changed].replace("return 1", "return 2")})
    assert edited.digest != found.digest
    assert str(found.holes[0]).startswith("m.py:7: ")


@pytest.mark.parametrize(
    "body",
    [
        "return getattr(n, 'x'), getattr(n, n)",
        "return vars(n), locals(), dir()",
        "return a.__name__, a.__file__, __name__, __file__",
        "return importlib.import_module('a').x",
        "return print, WindowsError, exit",
        "x: 'Nowhere' = n",
        "eval = n\n    return eval(n)",
    ],
)
def test_what_can_be_followed_is_no_hole(body: str, identity: Identity) -> None:
    found = identity({"m.py": f"import a, importlib\ndef f(n):\n    {body}\n", "a.py": "x = 1\n"})
    assert found.holes == ()


def test_hole_in_what_is_reached_names_its_place(identity: Identity) -> None:
    found = identity({"m.py": "import p.a\ndef f():\n    return p.a.g()\n", "p/a.py": "def g(n):\n    eval(n)\n"})
    assert holes(found) == [("p.a:g", 2, "p.a", "`eval` evaluates text")]
    assert found.holes[0].file == "p/a.py"
    assert "p.a:*" in found.symbols


def test_no_hole_for_what_is_not_reached(identity: Identity) -> None:
    assert identity("def g(n):\n    eval(n)\ndef f():\n    return 1\n").holes == ()


def test_distributions_are_the_third_party_imports_that_are_referred_to(identity: Identity) -> None:
    found = identity(
        {
            "m.py": """\
                import json, numpy as np, sklearn.svm, unused
                from pandas import DataFrame
                from .a import g
                import google.cloud.storage
                def other():
                    return sklearn.svm
                def f(x: DataFrame) -> "pl.DataFrame":
                    import torch.nn as nn
                    return json, np.ones(3), google.cloud.storage.Client(), nn.Linear, local.x
                import polars as pl, local
                """,
            "local.py": "x = 1\n",
        }
    )
    assert found.distributions == ("google", "numpy", "pandas", "polars", "torch")


def test_a_directory_does_not_hide_an_installed_package(identity: Identity) -> None:
    files = {
        "m.py": "import datasets\ndef f():\n    return datasets.load('x'), datasets\n",
        "datasets/raw/note.txt": "",
    }
    found = identity(files)
    assert found.distributions == ("datasets",)
    assert found.holes == ()
    assert found.files == ("m.py",)


def test_modules_hold_what_was_consulted_and_what_was_not_there(identity: Identity) -> None:
    files = {
        "p/__init__.py": "",
        "p/m.py": "from . import a\nimport numpy.linalg\nfrom p import b\nfrom .c import *\ndef f():\n    return a\n",
        "p/a.py": "def g():\n    return 1\n",
        "p/c.py": "",
    }
    found = identity(files, "p.m:f")
    assert found.modules == {
        "p": "p/__init__.py",
        "p.m": "p/m.py",
        "p.a": "p/a.py",
        "p.b": None,
        "p.c": "p/c.py",
        "numpy": None,
    }
    assert found.files == ("p/__init__.py", "p/a.py", "p/c.py", "p/m.py")


def test_symbols_and_their_sources(identity: Identity) -> None:
    found = identity(
        '''
        """Doc."""
        RATE = 0.1  # percent
        TABLE = {}
        TABLE["a"] = RATE
        def g(x):
            """Doc."""
            # comment
            return (x *
                    TABLE["a"])
        def f(x): return g(x)
        '''
    )
    assert found.sources == {
        "m:RATE": "RATE = 0.1",
        "m:TABLE": "TABLE = {}\n\nTABLE['a'] = RATE",
        "m:f": "def f(x):\n    return g(x)",
        "m:g": "def g(x):\n    return x * TABLE['a']",
    }
    assert found.symbols.keys() == found.sources.keys()


def test_the_symbol_that_changed_is_the_only_one(identity: Identity) -> None:
    text = "RATE = 1\ndef g():\n    return RATE\ndef f():\n    return g()\n"
    before, after = identity(text), identity(text.replace("RATE = 1", "RATE = 2"))
    assert {name for name in before.symbols if before.symbols[name] != after.symbols[name]} == {"m:RATE"}


def test_two_functions_of_one_recursion_are_not_the_same(identity: Identity) -> None:
    text = "def f(n):\n    return n and g(n - 1)\ndef g(n):\n    return n or f(n)\n"
    one, other = identity(text, "m:f"), identity(text, "m:g")
    assert one.symbols == other.symbols
    assert one.digest != other.digest


SIGNATURE = """
from __future__ import annotations
import pathlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Optional
import pyarrow as pa
from p import Frame, A
if TYPE_CHECKING:
    import polars as pl
Table = pa.Table
def f(a, /, b: pa.Table, c: "list[Path]" = (), *rest: Table, d: "pl.LazyFrame", e: Frame | None = None,
      g: Optional[A], h: dict[str, pathlib.Path] = {}, i: Literal["pa", 1] = 1, **more: int) -> list["pa.Table"]:
    def inner():
        yield 1
    return []
"""


def test_signature(identity: Identity) -> None:
    files = {
        "m.py": SIGNATURE,
        "p/__init__.py": "from .x import *\n",
        "p/x.py": "from pandas import DataFrame as Frame\nclass A: pass\n",
    }
    signature = identity(files).signature
    assert signature.parameters == (
        Parameter("a", ParameterKind.POSITIONAL, False, None),
        Parameter("b", ParameterKind.ANY, False, "pyarrow.Table"),
        Parameter("c", ParameterKind.ANY, True, "list[pathlib.Path]"),
        Parameter("rest", ParameterKind.VAR_POSITIONAL, False, "pyarrow.Table"),
        Parameter("d", ParameterKind.KEYWORD, False, "polars.LazyFrame"),
        Parameter("e", ParameterKind.KEYWORD, True, "pandas.DataFrame | None"),
        Parameter("g", ParameterKind.KEYWORD, False, "typing.Optional[p.x.A]"),
        Parameter("h", ParameterKind.KEYWORD, True, "dict[str, pathlib.Path]"),
        Parameter("i", ParameterKind.KEYWORD, True, "typing.Literal['pa', 1]"),
        Parameter("more", ParameterKind.VAR_KEYWORD, False, "int"),
    )
    assert signature.returns == "list[pyarrow.Table]"
    assert not signature.is_generator
    assert not signature.is_async


@pytest.mark.parametrize(
    ("text", "entry", "names", "generator", "asynchronous"),
    [
        ("def f(a):\n    yield a\n", "m:f", ["a"], True, False),
        ("def f(a):\n    for b in a:\n        yield from b\n", "m:f", ["a"], True, False),
        ("async def f(a):\n    return a\n", "m:f", ["a"], False, True),
        ("def f(a):\n    return lambda: (yield)\n", "m:f", ["a"], False, False),
        ("f = lambda a, b=1: a\n", "m:f", ["a", "b"], False, False),
        ("def g(a):\n    return a\nf = g\n", "m:f", ["a"], False, False),
        (
            "import functools\ndef g(a, b):\n    return a\nf = functools.partial(g, 1)\n",
            "m:f",
            ["args", "kwargs"],
            False,
            False,
        ),
        ("def d(g):\n    return g\n@d\ndef f(a):\n    return a\n", "m:f", ["a"], False, False),
        ("def d(g):\n    return g\ndef f(a):\n    return a\nf = d(f)\n", "m:f", ["a"], False, False),
        ("if 1:\n    def f(a):\n        return a\n", "m:f", ["a"], False, False),
        ("class A:\n    @staticmethod\n    def g(a):\n        return a\n", "m:A.g", ["a"], False, False),
        ("class A:\n    @classmethod\n    def g(cls, a):\n        return a\n", "m:A.g", ["a"], False, False),
        (
            "class A:\n    @staticmethod\n    def g(a):\n        return a\nclass B(A):\n    pass\n",
            "m:B.g",
            ["a"],
            False,
            False,
        ),
        ("from os.path import join as f\n", "m:f", ["args", "kwargs"], False, False),
    ],
)
def test_signatures_of_all_sorts(
    text: str, entry: str, names: list[str], generator: bool, asynchronous: bool, identity: Identity
) -> None:
    signature = identity(text, entry).signature
    assert [parameter.name for parameter in signature.parameters] == names
    assert (signature.is_generator, signature.is_async) == (generator, asynchronous)


def test_entry_that_is_re_exported(identity: Identity) -> None:
    files = {"p/__init__.py": "from .load import load\n", "p/load.py": "def load(raw):\n    return raw\n"}
    found = identity(files, "p:load")
    assert [parameter.name for parameter in found.signature.parameters] == ["raw"]
    assert set(found.symbols) == {"p:load", "p.load:load"}
    assert found.digest != identity({**files, "p/load.py": "def load(raw):\n    return 1\n"}, "p:load").digest


def test_a_method_takes_its_class(identity: Identity) -> None:
    text = "class A:\n    x = 1\n    @staticmethod\n    def g(a):\n        return a\n"
    assert identity(text, "m:A.g").digest != identity(text.replace("x = 1", "x = 2"), "m:A.g").digest


@pytest.mark.parametrize(
    ("files", "entry", "message", "hint"),
    [
        (
            {},
            "stages.load:load",
            "no module `stages.load` in the project",
            "expected stages/load.py or stages/load/__init__.py",
        ),
        ({"m.py": "def load(): pass\n"}, "m:laod", "no function `laod` in m", "did you mean `load`?"),
        ({"m.py": ""}, "m:f", "no function `f` in m", None),
        (
            {"m.py": "class A:\n    def load(self): pass\n"},
            "m:A.laod",
            "no function `A.laod` in m",
            "did you mean `A.load`?",
        ),
        ({"m.py": "class f: pass\n"}, "m:f", "`f` in m is a class", None),
        ({"m.py": "f = 1\n"}, "m:f", "`f` in m is no function", None),
        ({"m.py": "f = [1]\n"}, "m:f", "`f` in m is no function", None),
        ({"m.py": "import m\nfrom m import f\n"}, "m:f", "no function `f` in m", None),
        ({"m.py": ""}, "m", "`m` is not `module:function`", "write `package.module:function`"),
        ({"m.py": ""}, "m.py:f()", "`m.py:f()` is not `module:function`", "write `package.module:function`"),
        ({"m.py": ""}, ":f", "`:f` is not `module:function`", "write `package.module:function`"),
        ({"m.py": "import p\n", "p/__init__.py": ""}, "m:p", "no function `p` in m", None),
    ],
)
def test_entry_errors(files: dict[str, str], entry: str, message: str, hint: str | None, identity: Identity) -> None:
    with pytest.raises(CodeError) as caught:
        identity(files, entry)
    assert caught.value.message == message
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("text", "line", "column", "shown"),
    [
        ("def f():\n    return (\n", 2, 12, "    return ("),
        ("def f():\n  x = 1\n    y = 2\n", 3, None, "    y = 2"),
        ("x = 1\ny = = 2\n", 2, 5, "y = = 2"),
        ("x = '\0'\n", 1, 1, None),
        ("x = " + "(" * 500 + ")" * 500 + "\n", 1, None, None),
        ("x = " + "-" * 3000 + "1\n", 1, 1, None),
    ],
)
def test_syntax_errors_have_a_place(
    text: str, line: int, column: int | None, shown: str | None, identity: Identity
) -> None:
    with pytest.raises(CodeError) as caught:
        identity({"m.py": "import a\ndef f():\n    return 1\n", "a.py": text})
    place = caught.value.place
    assert place is not None
    assert (place.file, place.line) == ("a.py", line)
    assert column in (None, place.column)
    assert shown in (None, place.text)
    assert str(caught.value).startswith(f"a.py:{line}:")


class DictCache(dict[str, Any]):
    """Implements `IndexCache`; keeps JSON text, so that nothing is shared with what was put."""

    def put(self, key: str, value: Any) -> None:
        import json

        self[key] = json.dumps(value)

    def get(self, key: str, default: Any = None) -> Any:
        import json

        return json.loads(self[key]) if key in self else default


def test_a_cached_index_gives_the_same_identity(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from ckptflow.fingerprint.code import resolve

    files = {
        "m.py": SIGNATURE + "\nimport numpy as np\nT = {}\nT['a'] = 1\n@p.register\ndef g(n):\n    '''Doc.'''\n"
        "    return T, getattr(p, n), g.__doc__\nf.g = g\n",
        "p.py": "class A: pass\nFrame = 1\ndef register(g):\n    return g\n"
        "class B(A):\n    def __init_subclass__(cls): pass\n",
    }
    cache = DictCache()
    fresh = identify("m:f", sources(files), cache)
    assert len(cache) == 2
    assert identify("m:f", sources(files)) == fresh

    monkeypatch.setattr(resolve, "index", None)  # nothing is parsed again
    assert identify("m:f", sources(files), cache) == fresh
    renamed = {"m.py": files["m.py"].replace("import Frame, A", "import  Frame, A"), "p.py": files["p.py"]}
    with pytest.raises(TypeError):
        identify("m:f", sources(renamed), cache)


@pytest.mark.parametrize("damage", [{}, [], {"atoms": [[]], "exports": None, "signatures": {}}, {"atoms": 1}])
def test_a_damaged_index_is_made_again(damage: Any, sources: Any) -> None:
    files = {"m.py": "def f():\n    return 1\n"}
    cache = DictCache()
    fresh = identify("m:f", sources(files), cache)
    (key,) = cache
    cache.put(key, damage)
    assert identify("m:f", sources(files), cache) == fresh
    assert cache.get(key) != damage


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters came with Python 3.12")
def test_type_parameters_and_aliases(identity: Identity) -> None:
    text = """
        class K: x = 1
        T = 1
        type A[T: K] = list[T] | K
        class C[T]:
            B = K
            def m[U](self, a: B, b: U, c: T) -> A: return b
        def f[T](x: T): return C
        """
    found = identity(text)
    assert found.symbols.keys() == {"m:A", "m:C", "m:K", "m:f"}
    assert found.holes == ()
    assert found.digest != identity(text.replace("x = 1", "x = 2")).digest


def test_each_module_is_asked_for_once(sources: Any) -> None:
    files = sources(
        {
            "m.py": "import a, os, np\ndef f():\n    return a.g(), np.x, np.y\n",
            "a.py": "import m, os\ndef g():\n    return 1\n",
        }
    )
    identify("m:f", files)
    assert sorted(files.asked) == ["a", "m", "np", "os"]


def test_functions_of_one_codebase_share_what_was_read_and_nothing_else(sources: Any) -> None:
    texts = {
        "m.py": "import a, b\ndef f():\n    return a.X\ndef g():\n    return b.Y\n",
        "a.py": "X = 1\n",
        "b.py": "import no\nY = no\n",
    }
    shared = sources(texts)
    codebase = Codebase(shared)
    for entry in ("m:f", "m:g", "m:f"):
        assert codebase.identify(entry) == identify(entry, sources(texts))
    assert sorted(shared.asked) == ["a", "b", "m", "no"]


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    return " + " + ".join(["x"] * 800 + ["Y"]) + "\n",
        "def f(x):\n    if x == 0:\n        return 0\n"
        + "".join(f"    elif x == {n}:\n        return {n}\n" for n in range(300))
        + "    else:\n        return Y\n",
        "def f(x):\n    return x" + ".select(x)" * 80 + ".filter(Y)\n",
    ],
)
def test_long_code_is_followed_to_its_end(text: str, identity: Identity) -> None:
    one, other = (identity(f"Y = {n}\n{text}") for n in (1, 2))
    assert one.digest != other.digest
    assert one.sources["m:f"].startswith("def f(x):")


GOLDEN = Path(__file__).with_name("golden_project.txt")
GOLDEN_DIGEST = "ce9b92e63f8592856a9248461f87a0b5f4ec803a3aaa933e8061f4a285016b2b"
PROGRAM = """
import sys
from pathlib import Path
from ckptflow.fingerprint.code import ModuleText, identify
from ckptflow.ids import digest
parts = Path(sys.argv[1]).read_text("utf-8").split("--- ")[1:]
files = dict(part.split("\\n", 1) for part in parts)
class Sources:
    def module(self, name):
        base = name.replace(".", "/")
        for path in (base + "/__init__.py", base + ".py"):
            if path in files:
                return ModuleText(name, path, files[path], path.endswith("__init__.py"), digest(files[path].encode()))
print(identify("m:f", Sources()).digest)
"""


@pytest.mark.parametrize("seed", ["0", "1", "random"])
def test_the_digest_is_the_same_whatever_the_hash_seed(seed: str) -> None:
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", PROGRAM, str(GOLDEN)]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert printed.strip() == GOLDEN_DIGEST
