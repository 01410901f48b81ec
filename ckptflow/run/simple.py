"""Pure. Which commands a shell would do no more for than start a program: those are started without one, as make does.

Starting bash costs a program that does little more than all the rest of its stage. So a command that is made of plain
words, and of redirections to plain words, is taken apart here. The rule errs on the side of the shell: a character that
could mean something to one (quotes, `$`, globs, braces, `~`, `;`, `&`, ...), a second line, a reserved word, a builtin
of any shell and an assignment all leave the command to it, and so does an environment that can change what words mean.

`echo`, `true` and `false` are builtins for speed alone: with arguments that are no options they are what the programs
of the same names in /bin are.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from ..dataclass import dataclass

_WORD = r"[\w@%+:,./=-]+"
_TOKEN = re.compile(
    rf"[ \t]*(?:(?P<both>2>&1)|(?P<mode>2>>|2>|>>|>|<)[ \t]*(?P<target>{_WORD})|(?P<word>{_WORD}))(?=[ \t]|$)", re.ASCII
)
_RESERVED = "case coproc do done elif else esac fi for function if in select then time until while"
_BUILTINS = """
. : [ alias autoload bg bind break builtin caller cd chdir command compgen complete compopt continue declare dirs disown
enable eval exec exit export fc fg getopts hash help history jobs kill let local logout mapfile popd printf pushd pwd
read readarray readonly return set shift shopt source suspend test times trap type typeset ulimit umask unalias unset
wait
"""
_SHELL_WORDS = frozenset((*_RESERVED.split(), *_BUILTINS.split()))
"""What bash and dash do themselves, less what is in `_PROGRAMS`."""

_PROGRAMS = {name: f"/bin/{name}" for name in ("echo", "true", "false")}

_MEANINGFUL = frozenset({"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "BASH_COMPAT", "POSIXLY_CORRECT", "EXECIGNORE"})
"""Variables that make a shell read a file, or read commands in another way."""


@dataclass(frozen=True, slots=True)
class Redirection:
    """`fd` is to be the file at `path`, opened for `mode`: `<`, `>` or `>>`. No path: what standard output is."""

    fd: int
    mode: str
    path: str | None


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """A program, its arguments (the first is its name), and redirections in the order in which they are done."""

    program: str
    argv: tuple[str, ...]
    redirections: tuple[Redirection, ...]


def simple_command(text: str) -> SimpleCommand | None:
    """Return the program that `text` starts and with what, None if that is for a shell to say."""
    text = text.strip(" \t\n")
    words: list[str] = []
    redirections: list[Redirection] = []
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            return None
        at = token.end()
        if token["word"]:
            words.append(token["word"])
        elif token["both"]:
            redirections.append(Redirection(2, ">", None))
        else:
            mode, target = token["mode"].removeprefix("2"), token["target"]
            if target.startswith("/dev/") and target != "/dev/null":  # bash has its own meanings of these
                return None
            fd = 2 if token["mode"][0] == "2" else mode != "<"
            redirections.append(Redirection(int(fd), mode, target))
    program = _program(words)
    return None if program is None else SimpleCommand(program, tuple(words), tuple(redirections))


def _program(words: list[str]) -> str | None:
    if not words or words[0] in _SHELL_WORDS or "=" in words[0] or words[0].startswith(("-", "%")):
        return None
    if words[0] in _PROGRAMS:
        return None if any(word.startswith("-") for word in words[1:]) else _PROGRAMS[words[0]]
    return words[0]


def is_plain_environment(names: Collection[str]) -> bool:
    """Tell whether words mean what they say where variables of these names are set."""
    return _MEANINGFUL.isdisjoint(names) and "BASH_FUNC_" not in " ".join(names)
