"""Pure. The one table of everything that can stand in a pipeline file: name, shape, meaning.

`conform` checks files against it, `schema` prints it for editors, and the reference documentation quotes it. Fields
marked `later` belong to the language and are refused with a word that says so.
"""

from __future__ import annotations

from .model import Cut, OnError
from .shapes import (
    Anything,
    Choice,
    Count,
    Deferred,
    Duration,
    Field,
    Flag,
    ListOf,
    Nothing,
    Pairs,
    Plain,
    Shape,
    Single,
    Size,
    Text,
    either,
    record,
)

# Targets give `@`, `#`, `:` and patterns a meaning; DVC takes any name, and suggests letters, digits, `-` and `_`.
STAGE_NAME = Text(
    "a stage name (letters, digits and `- _ . / + = , ~`, at most 100, not beginning with `-`, `.` or `/`)",
    r"^(?![-./])(?!.*\.\.)[^\x00-\x20!-*:;<>?@\[-^`{|}\x7f]{1,100}$",
    "CF118",
)
# Said by what is left out: `re` takes 16 ms to compile the same with the range from \u0080 on.
_WORD = r"[^\x00-@\[-^`{-\x7f][^\x00-/:-@\[-^`{-\x7f]*"
CALL = Text("`module:function`", rf"^{_WORD}(\.{_WORD})*:{_WORD}(\.{_WORD})*$", "CF122")
NAME = Text("a name", r"^[^\s{}]+$")
PATH = Text("a path", r"^[^\x00]+$", "CF150")
COMMAND = Text("a command", r"\S")
VARIABLE = Text("a name of an environment variable", r"^[A-Za-z_][A-Za-z0-9_]*$")

_column = Text("a column's name", r"^[^\x00]+$")
_columns = either(_column, ListOf(_column, least=1))
_format = Text("a format's name", r"^\S+$")

_DEP_FLAGS = (
    Field("format", _format, "How the data is read, where the suffix does not tell: `parquet`, `csv`, ..."),
    Field("columns", ListOf(_column, least=1), "Only these columns are read; others make nothing stale."),
    Field("desc", Text(), "What it is, for people."),
)
_OUT_FLAGS = (
    Field("format", _format, "How the result is written, where the suffix does not tell."),
    Field("cache", Flag(), "Kept in the store (default true)."),
    Field("persist", Flag(), "Left in place before the stage runs, so that the stage can add to it."),
    Field("push", Flag(), "Uploaded by `push` (default true)."),
    Field("workspace", Flag(), "Placed in the workspace (default true); else it lives in the store alone."),
    Field("remote", Text(), "Accepted for DVC's sake, without effect."),
    Field("checkpoint", Flag(), "Accepted for DVC's sake, without effect."),
    Field("desc", Text(), "What it is, for people."),
    Field("type", Text(), "Accepted for DVC's sake, without effect."),
    Field("labels", Anything(), "Accepted for DVC's sake, without effect."),
    Field("meta", Anything(), "Anything; not read by ckptflow."),
)
_field = Text("a field's name", r"^[^\x00]+$")
_LABELS = (
    Field("x_label", Text(), "What stands along the x axis."),
    Field("y_label", Text(), "What stands along the y axis."),
    Field("title", Text(), "What stands above the plot."),
    Field("template", Text(), "How it is drawn: `linear` (default), `scatter`, `confusion`, `bar_horizontal`, ..."),
    Field("header", Flag(), "Whether the first line of CSV and TSV names the fields (default true)."),
)
_METRIC_FLAGS = (*_OUT_FLAGS, Field("xpath", Anything(), "Accepted for DVC's sake, without effect."))
_PLOT_FLAGS = (
    *_OUT_FLAGS,
    Field("x", _field, "The field along the x axis (default: the number of the record)."),
    Field("y", either(_field, ListOf(_field, least=1)), "The fields that are drawn (default: the last one)."),
    *_LABELS,
)
_path_field = Field("path", PATH, "Where it is, relative to the pipeline file (and `wdir`).", required=True)


_STAGE_REF = Text("a stage, a group or an item of one: `name`, `name@item`, `dir/dvc.yaml:name`", r"\S")


def _places(what: str, flags: tuple[Field, ...], *, several: bool = False, stages: bool = False) -> Shape:
    """Return the shape of deps and outs: names with paths, or DVC's list. With `several`, a path of the list may have a
    list of flags; with `stages`, an item may be `{stage: NAME}`.
    """
    flagged = record(what, *flags)
    named = either(PATH, record(what, _path_field, *flags))
    value = either(flagged, Nothing(), ListOf(flagged)) if several else either(flagged, Nothing())
    known: dict[str, Shape] = {"stage": either(flagged, Nothing(), _STAGE_REF)} if stages else {}
    return either(Pairs(named, key=NAME), ListOf(either(PATH, Pairs(value, key=PATH, size=1, known=known))))


CHUNK = record(
    "chunk",
    Field("over", Text("a dep's name", r"\S"), "The dep that is cut."),
    Field("by", Pairs(_columns, least=1), "Deps that are cut together, each with its key columns; the first leads."),
    Field("rows", Count(1), "About so many rows a chunk."),
    Field("bytes", Size(), "About so many bytes a chunk: `64MiB`."),
    Field("files", Count(1), "About so many files a chunk."),
    Field("into", Count(1), "So many hash buckets of the keys."),
    Field("cut", Choice(tuple(Cut)), "Boundaries by the data near them (`content`, default) or by counting (`fixed`)."),
)

CARRY = record("carry", Field("initial", Anything(), "The state that the first chunk gets; null where left out."))

CHECKPOINT = record(
    "checkpoint",
    Field("every", Duration(), "Time after which what is finished inside a chunk is kept: `5m` (default)."),
    Field("items", Count(1), "Items after which it is kept (default 1000)."),
    Field("keep", Count(1), "Checkpoint files of the stage that stay (default 10)."),
)

_errors = either(Count(0), Text("a number of items, or a share such as 0.1%", r"^(100|[0-9]{1,2})(\.[0-9]+)?%$"))

_params = ListOf(
    either(Text("a parameter's name", r"\S"), Pairs(either(ListOf(Text()), Text(), Nothing()), key=PATH, least=1))
)
_vars = ListOf(either(PATH, Pairs(Anything())))
_later = (
    ("executor", "Where the chunks run."),
    ("resources", "What a chunk needs: cpus, gpus, memory."),
)

STAGE = record(
    "stage",
    Field("call", CALL, "The Python function to call: `module:function`. Either this or `cmd`."),
    Field("cmd", either(COMMAND, ListOf(COMMAND, least=1)), "Shell commands, run in order."),
    Field("args", Pairs(Anything()), "Keyword arguments of the function; part of the recipe."),
    Field("wdir", PATH, "Directory in which `cmd` runs and to which paths are relative."),
    Field("deps", _places("dep", _DEP_FLAGS, stages=True), "What the stage reads. Names bind to arguments."),
    Field("outs", _places("out", _OUT_FLAGS), "What the stage writes. Names bind to results."),
    Field("metrics", _places("metric", _METRIC_FLAGS), "Outs that `metrics show` reads."),
    Field("plots", _places("plot", _PLOT_FLAGS, several=True), "Outs that `plots show` draws."),
    Field("params", _params, "Parameters of params.yaml, or of other files: `other.yaml: [key]`."),
    Field("vars", Plain(_vars), "More values for `${}` in this stage: files and mappings."),
    Field("chunk", CHUNK, "How the data is cut."),
    Field("carry", CARRY, "Chunks one after the other: the function takes `state` and returns `(result, state)`."),
    Field("each", Choice(("item",)), "`item`: the function takes one row or one file of the chunk; the engine loops."),
    Field("checkpoint", CHECKPOINT, "How often progress inside a chunk is kept, and how many checkpoint files."),
    Field("combine", CALL, "`module:function` that merges the results of two neighbouring chunks, until one is left."),
    Field("env", Pairs(Single(), key=VARIABLE), "Environment variables; part of the recipe."),
    Field("workers", Count(1), "Chunks at the same time, at most."),
    Field("retries", Count(0), "Further attempts at a chunk that failed."),
    Field("backoff", Duration(), "Time before the first retry; it doubles."),
    Field("timeout", Duration(), "Time a call of the function may take: for a chunk or, with `each: item`, an item."),
    Field("on_error", Choice(tuple(OnError)), "What a failing chunk, or item, does to its stage."),
    Field("max_errors", _errors, "So many items in quarantine, or such a share of all, are borne."),
    Field(
        "packages",
        either(Choice(("auto",)), ListOf(Text("a distribution's name", r"^[A-Za-z0-9._-]+$"))),
        "Distributions whose version is part of the recipe; `auto` for all that the code refers to.",
    ),
    Field("version", Anything(), "A value of yours that is part of the recipe."),
    Field("rowwise", Flag(), "Each row of the out depends on its row of the dep alone."),
    Field("frozen", Flag(), "Never run again until thawed."),
    Field("always_changed", Flag(), "Always stale."),
    Field("desc", Plain(Text()), "What it does, for people."),
    Field("meta", Plain(Anything()), "Anything; not read by ckptflow."),
    *(Field(name, Anything(), doc, later=True) for name, doc in _later),
    one_of=("call", "cmd"),
)

_axis = either(Text("a template", r"\$\{"), ListOf(Anything()), Pairs(Anything()))
FOREACH = record(
    "stage",
    Field(
        "foreach",
        either(ListOf(Anything()), Pairs(Anything()), Text("a template", r"\$\{")),
        "A stage for each item of a list or mapping; `${item}` and `${key}` in `do` are the item and its key.",
        required=True,
    ),
    Field("do", STAGE, "The stage that each item makes.", required=True),
)
MATRIX = record(
    "stage",
    Field(
        "matrix",
        either(Pairs(_axis), Text("a template", r"\$\{")),
        "A stage for each combination of the axes; `${item.AXIS}` is its value, `${key}` its name.",
        required=True,
    ),
    *STAGE.fields.values(),
    one_of=STAGE.one_of,
)
_stage = Deferred(STAGE, (("foreach", FOREACH), ("do", FOREACH), ("matrix", MATRIX)))
_axis_files = Pairs(either(_field, ListOf(_field, least=1)), key=PATH, least=1)
_plot = record(
    "plot",
    Field("x", either(_field, _axis_files), "The field along the x axis, or `{file: field}`."),
    Field("y", either(_field, ListOf(_field, least=1), _axis_files), "The fields that are drawn, or `{file: fields}`."),
    *_LABELS,
)
_plot_or_nothing = either(_plot, Nothing())
_top_plots = either(
    ListOf(either(PATH, Pairs(_plot_or_nothing, key=PATH, size=1))),
    Pairs(_plot_or_nothing, key=PATH),
)

_artifact = record(
    "artifact",
    Field("path", PATH, "The file or directory.", required=True),
    Field("desc", Text(), "What it is, for people."),
    Field("type", Text(), "What kind of thing it is, for people: `model`, ..."),
    Field("labels", ListOf(Text()), "Words to find it by."),
    Field("meta", Anything(), "Anything; not read by ckptflow."),
)

PIPELINE = record(
    "pipeline",
    Field("stages", Pairs(_stage, key=STAGE_NAME), "The stages by name."),
    Field("vars", Plain(_vars), "Values for `${}`: files (`config.yaml`, `config.yaml:key`) and mappings."),
    Field("params", Deferred(ListOf(PATH)), "More files that `params diff` reads."),
    Field("metrics", Deferred(ListOf(PATH)), "More files that `metrics show` reads."),
    Field("plots", Deferred(_top_plots), "More plots: paths, or names with the files that their axes come from."),
    Field("artifacts", Deferred(Pairs(_artifact)), "Files with a name, for `artifacts list` and for DVC."),
    Field("datasets", Deferred(ListOf(Pairs(Anything()))), "Data elsewhere, for `datasets list` and for DVC."),
    Field("desc", Plain(Text()), "What the pipeline does, for people."),
    Field("meta", Plain(Anything()), "Anything; not read by ckptflow."),
)

FORMATS = frozenset(("parquet", "arrow", "pickle", "json", "npy", "csv", "jsonl", "file", "dir", "text"))
"""The formats that are built in; others come from entry points and are passed in."""
