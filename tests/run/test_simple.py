from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.run import command
from ckptflow.run.simple import (
    _PROGRAMS,
    _SHELL_WORDS,
    Redirection,
    SimpleCommand,
    is_plain_environment,
    simple_command,
)


def test_a_program_with_plain_words_needs_no_shell():
    assert simple_command("python -m pkg.mod --rate=0.5 a/b@c:d,e+f%g") == SimpleCommand(
        "python", ("python", "-m", "pkg.mod", "--rate=0.5", "a/b@c:d,e+f%g"), ()
    )
    assert simple_command("  ./run.sh\tx\n") == SimpleCommand("./run.sh", ("./run.sh", "x"), ())


def test_redirections_keep_their_order():
    found = simple_command("sort -u <in.txt > out/a.txt 2>> err.log 2>&1")
    assert found is not None
    assert found.argv == ("sort", "-u")
    assert found.redirections == (
        Redirection(0, "<", "in.txt"),
        Redirection(1, ">", "out/a.txt"),
        Redirection(2, ">>", "err.log"),
        Redirection(2, ">", None),
    )
    assert simple_command("cmd > /dev/null") is not None


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "   ",
            "# words",
            "a # b",
            "a; b",
            "a && b",
            "a || b",
            "a | b",
            "a &",
            "a\nb",
            "a \\\nb",
            "(a)",
            "{ a; }",
        ),
        *(
            "a $X",
            "a ${X}",
            "a `b`",
            "a $(b)",
            "a 'b'",
            'a "b"',
            "a \\b",
            "a *",
            "a b?",
            "a [bc]",
            "a {b,c}",
            "a ~",
            "a b^c",
        ),
        *("X=1 a", "X=1", "a <(b)", "a >(b)", "a > $X", "a << b", "a <<< b", "a >| b", "a >& b", "a &> b", "a <> b"),
        *("a 3> b", "a 1> b", "a 12>b", "a b>c", "a > ", "a > > b", "a 2>&3", "a >&-", "> b", "a < /dev/stdin"),
        *("a > /dev/tcp/localhost/80", "! a", "if", "cd x", "source x", ". x", "[ x = y ]", "[[ x ]]", "exit 1", "%1"),
        *(
            "echo -n x",
            "echo -e x",
            "true --help",
            "time a",
            "printf x",
            "test x",
            "kill 1",
            "type a",
            "-x",
            "é",
            "a é",
        ),
        "a\x00b",
    ],
)
def test_what_could_mean_something_to_a_shell_is_left_to_it(text):
    assert simple_command(text) is None


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_every_word_that_bash_knows_is_left_to_it():
    known = subprocess.run(["bash", "-c", "compgen -b -k"], capture_output=True, text=True, check=True).stdout.split()
    for word in known:
        assert word in _PROGRAMS or simple_command(word) is None, word
    assert not _SHELL_WORDS & _PROGRAMS.keys()


def test_variables_that_change_what_words_mean_call_for_a_shell():
    assert is_plain_environment(["PATH", "HOME", "BASH", "LANG"])
    assert not is_plain_environment(["PATH", "BASH_ENV"])
    assert not is_plain_environment(["BASH_FUNC_cp%%"])


SHELL = command._shell()
SHOW = """\
#!/bin/sh
for word; do echo "[$word]"; done
echo "$PWD" | sed 's,^.*/,,'
cat
echo error >&2
"""
WORDS = st.text("ab0-_.,:/@%+=1>2<& \t~*?$'\"\\;|(){}[]#!^", max_size=14)
HEADS = st.sampled_from(["show ", "show", "./show ", "echo ", "true ", "X=1 show ", "no-such ", ""])


@settings(max_examples=400, deadline=None)
@given(HEADS, WORDS)
def test_without_a_shell_a_command_does_what_it_does_with_one(head, rest):
    """Random texts: the same output, the same files, the same status, wherever no shell was thought to be needed."""
    text = head + rest
    if simple_command(text) is None:
        return
    with_shell = run_in_scratch(lambda environment: os.posix_spawn(SHELL[0], [*SHELL, text], environment))
    assert run_in_scratch(lambda environment: command._start(text, environment)) == with_shell


def run_in_scratch(start):
    """Let `start` start a command in a directory of its own; return all that it left, and how it ended."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "work").mkdir()
        show = root / "work" / "show"
        show.write_text(
            '#!/bin/sh\nfor word; do echo "[$word]"; done\necho "$PWD" | sed s,^.*/,,\ncat\necho error >&2\n'
        )
        show.chmod(0o755)
        (root / "work" / "a").write_text("content of a\n")
        pid = os.fork()
        if not pid:
            status = 99
            try:
                os.chdir(root / "work")
                os.environ["PATH"] = f"{root}/work:{os.environ['PATH']}"
                os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
                for fd, stream in ((1, "out"), (2, "err")):
                    os.dup2(os.open(root / stream, os.O_WRONLY | os.O_CREAT), fd)
                started = start({**os.environ, "PWD": f"{root}/work"})
                status = os.waitstatus_to_exitcode(os.waitpid(started, 0)[1])
            finally:
                os._exit(status & 0x7F)
        _, status = os.waitpid(pid, 0)
        files = {
            path.relative_to(root).as_posix(): path.read_text()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name not in ("show", "err")
        }
        return status, files, bool((root / "err").stat().st_size)
