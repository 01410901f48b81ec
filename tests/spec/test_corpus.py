"""The corpus: small pipeline files, valid and not, read by the real command, by the checker and by the JSON Schema.

A file of `corpus/invalid`, or a directory where the mistake needs other files, begins with what is to be found in it:
`# CF110 5:5`, several in the order in which they are told, in another file `# CF101 params.yaml:2:2`.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ckptflow.cli.main import main

ROOT = Path(__file__).parents[2]
CORPUS = Path(__file__).parent / "corpus"
INVALID = {path.stem: path for path in sorted((CORPUS / "invalid").iterdir())}
VALID = {path.stem: path for path in sorted((CORPUS / "valid").iterdir())}
LANGUAGE = (ROOT / "docs/errors.md").read_text(encoding="utf-8").split("\n# ")[0]  # the section of pipeline files
DOCUMENTED = set(re.findall(r"^\| (CF1\d\d) ", LANGUAGE, re.MULTILINE))

LARGE = {"CF102": "# " + "x" * 10_000_000}  # too large to lie there

# What can be said of one place alone, the schema says; the rest an editor cannot know.
BEFORE_THE_SCHEMA = {
    f"CF1{number:02}" for number in range(1, 10)
}  # the text is no tree yet, or not the one that is meant
UNSEEN = {
    *("CF123", "CF124", "CF125"),  # what the names of arguments, deps, params and outs are to each other
    *("CF130", "CF131", "CF132", "CF133", "CF134"),  # templates
    *("CF135", "CF136", "CF137"),  # what vars define
    *("CF140", "CF141", "CF143", "CF144"),  # other files
    *("CF151", "CF152", "CF153", "CF154", "CF155", "CF156", "CF157", "CF158", "CF159"),  # what paths mean
    *(
        "CF160",
        "CF161",
        "CF162",
        "CF163",
        "CF164",
        "CF165",
        "CF166",
        "CF167",
        "CF168",
        "CF169",
        "CF170",
    ),  # what stages, deps and the keys of `chunk` are to each other
    *("CF008", "CF171", "CF172", "CF173", "CF174", "CF175", "CF176"),  # functions
    "CF180",  # formats can be added by other distributions
    "CF181",  # what a dep and an out of another stage are to each other
}
UNSEEN_FILES = {
    "args-key-a-number": "in JSON every key is a text",
    "foreach-of-a-text": "the value comes from a template",
    "params-file-a-list": "it is in another file",
    "workers-from-params": "the value comes from a template",
}


def text_of(path: Path) -> str:
    return (path / "pipeline.yaml" if path.is_dir() else path).read_text(encoding="utf-8")


def expected(path: Path) -> list[tuple[str, str, int, int]]:
    """Return (code, file, line, column) of each mistake that a file announces."""
    found = []
    for each in text_of(path).split("\n", 1)[0].removeprefix("# ").split(", "):
        code, _, place = each.partition(" ")
        *file, line, column = place.split(":")
        found.append((code, file[0] if file else "pipeline.yaml", int(line), int(column)))
    return found


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return `told(path, command)`: exit code, output and errors of a real command on a part of the corpus."""

    def told_(path: Path, command: str = "status") -> tuple[int, str, str]:
        project = tmp_path / "project"
        if path.is_dir():
            shutil.copytree(path, project)
        else:
            project.mkdir()
            shutil.copy(path, project / "pipeline.yaml")
        monkeypatch.chdir(project)
        code = main([command, "--json", "--file", "pipeline.yaml"])
        return code, *capsys.readouterr()

    return told_


@pytest.mark.parametrize("name", INVALID)
def test_each_file_gives_its_codes_and_places(name: str, told: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = told(INVALID[name])
    assert code == 4
    problems = json.loads(out)["problems"]
    found = [(each["code"], each["file"], each["line"], each["column"]) for each in problems]
    assert found == expected(INVALID[name])
    assert "Traceback" not in err
    for problem in problems:
        assert f"error[{problem['code']}]: {problem['message']}" in err


@pytest.mark.parametrize("code", LARGE)
def test_a_file_that_is_too_large(code: str, told: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text(LARGE[code])
    exit_code, out, err = told(path)
    assert exit_code == 4
    assert [(p["code"], p["line"], p["column"]) for p in json.loads(out)["problems"]] == [(code, 1, 1)]
    assert "Traceback" not in err


@pytest.mark.parametrize("name", VALID)
def test_valid_files_are_read(name: str, told: Callable[..., tuple[int, str, str]]) -> None:
    code, _, err = told(VALID[name], "dag")  # looks for no deps
    assert code == 0, err


def test_every_code_of_the_language_is_in_the_corpus() -> None:
    found = {code for path in INVALID.values() for code, *_ in expected(path)}
    assert found - {"CF008"} | set(LARGE) == DOCUMENTED


@pytest.mark.parametrize("name", VALID)
def test_the_schema_accepts_what_is_valid(name: str, accepted: Callable[[str], bool]) -> None:
    assert accepted(text_of(VALID[name]))


@pytest.mark.parametrize("name", INVALID)
def test_the_schema_sees_what_it_can(name: str, accepted: Callable[[str], bool]) -> None:
    """It refuses what is wrong in one place, and marks nothing that is wrong only in meaning."""
    codes = {code for code, *_ in expected(INVALID[name])}
    if codes & BEFORE_THE_SCHEMA:
        return
    unseen = codes <= UNSEEN or name in UNSEEN_FILES
    assert accepted(text_of(INVALID[name])) is unseen


def test_what_the_schema_cannot_see_is_told_with_reason() -> None:
    assert UNSEEN - {"CF008"} <= DOCUMENTED
    assert set(UNSEEN_FILES) <= set(INVALID)
    for name, path in INVALID.items():
        if name in UNSEEN_FILES:
            assert not {code for code, *_ in expected(path)} <= UNSEEN, "needs no exception"
