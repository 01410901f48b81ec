"""What each processor finds in a corpus in which everything is wrong that can be: all of it, row by row."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from stages.speech import corpus as corpora
from stages.speech.corpus import Line, Malformed
from stages.speech.processors import PROCESSORS, processor
from stages.speech.tables import Problem, bad_name, normalise

NFD = unicodedata.normalize("NFD", "é")


def found(name: str, root: Path) -> list[tuple[object, ...]]:
    """Path, transcript, speaker, split, problem and number of all utterances."""
    return [
        (u.path, u.transcript, u.speaker, u.split, u.problem and str(u.problem), u.number)
        for u in processor(name).find(root)
    ]


def test_gigaspeech2(corpus):
    corpus.sound(
        *(f"th/train/0/0/0-0-{n}.wav" for n in range(5)),
        "th/dev/1/1-0.wav",
        "th/train/0/0/odd name.wav",
        "th/train/0/0/new\nline.wav",
        "vi/test/0/0/0-0-0.wav",
        "vi/train_raw/0/0/0-0-1.wav",
        "vi/train_refined/0/0/0-0-1.wav",
        "stray.wav",
    )
    corpus.text("th/train_raw.tsv", "0-0-0\traw zero\n0-0-1\t raw \u00a0one \n0-0-2\traw two\n0-0-9\tgone\n")
    corpus.text(
        "th/train_refined.tsv",
        f"0-0-0\tcaf{NFD}\n\n0-0-2\t \n0-0-3\tthree\r\n0-0-3\tthree again\nno tab here\n\tno id\n0-0-9\tgone\n",
    )
    corpus.text("th/dev.tsv", b"1-0\tline\xe2\x80\xa8separator\tand tab\n\xff\xfe\tx\n")
    corpus.text("th/notes.tsv", "0-0-4\tnot a split\n")
    corpus.text("vi/test.tsv", "\ufeff0-0-0\tfirst line with a mark\n../../th/dev/1/1-0\tnot ours\n")
    corpus.text("vi/train_raw.tsv", "0-0-1\traw\n")
    corpus.text("vi/train_refined.tsv", "0-0-1\trefined\n")
    assert found("gigaspeech2", corpus.root) == [
        ("stray.wav", "", None, None, "no_transcript", 0),
        ("th/dev.tsv:2", "", None, None, "malformed_line", 0),
        ("th/dev/1/1-0.wav", "line separator and tab", None, "dev", None, 0),
        ("th/train/0/0/0-0-0.wav", "café", None, "train_refined", None, 0),
        ("th/train/0/0/0-0-1.wav", "raw one", None, "train_raw", None, 0),
        ("th/train/0/0/0-0-2.wav", "", None, "train_refined", "empty_transcript", 0),
        ("th/train/0/0/0-0-3.wav", "three", None, "train_refined", None, 0),
        ("th/train/0/0/0-0-3.wav", "three again", None, "train_refined", "duplicate_utterance", 1),
        ("th/train/0/0/0-0-4.wav", "", None, None, "no_transcript", 0),
        ("th/train/0/0/0-0-9.wav", "gone", None, "train_refined", "missing_audio", 0),
        ("th/train/0/0/new\nline.wav", "", None, None, "bad_name", 0),
        ("th/train/0/0/odd name.wav", "", None, None, "no_transcript", 0),
        ("th/train_refined.tsv:6", "", None, None, "malformed_line", 0),
        ("th/train_refined.tsv:7", "", None, None, "malformed_line", 0),
        ("vi/test/../../th/dev/1/1/../../th/dev/1/1-0.wav", "not ours", None, "test", "missing_audio", 0),
        ("vi/test/0/0/0-0-0.wav", "first line with a mark", None, "test", None, 0),
        ("vi/train_raw/0/0/0-0-1.wav", "raw", None, "train_raw", None, 0),
        ("vi/train_refined/0/0/0-0-1.wav", "refined", None, "train_refined", None, 0),
    ]


def test_common_voice(corpus):
    corpus.sound(*(f"th/clips/{name}.mp3" for name in ("a", "b", "c", "d", "e", "with space", f"n{NFD}", "só")))
    head = "client_id\tpath\tsentence_id\tsentence\tup_votes\n"
    corpus.text("th/train.tsv", f"{head}k1\ta.mp3\tx\t\"quoted\" it 'is'\t2\nk2\tb\tx\tno suffix\t2\n")
    corpus.text(
        "th/validated.tsv",
        f"{head}k1\ta.mp3\tx\tolder\t2\nk2\tb.mp3\tx\tolder\t2\n\tc.mp3\tx\tnobody\t2\n"
        f"k3\twith space.mp3\tx\tspaces\t2\n"
        f"k3\tn\u00e9.mp3\tx\tother form\t2\nk4\ts\u00f3.mp3\tx\tsame form\t2\nk4\tgone.mp3\tx\tgone\t2\ntoo\tfew\n"
        f"k4\t\tx\tno path\t2\n",
    )
    corpus.text("th/test.tsv", f"{head}k9\ta.mp3\tx\tleaked\t2\nk2\tb.mp3\tx\tsame clip\t2\n")
    corpus.text("th/invalidated.tsv", f"{head}k5\td.mp3\tx\tbad\t0\n")
    corpus.text("th/clip_durations.tsv", "clip\tduration[ms]\ne.mp3\t100\n")
    corpus.text("vi/train.tsv", "path\tsentence\nx.mp3\ty\n")
    corpus.text("vi/dev.tsv", head)
    assert found("common_voice", corpus.root) == [
        ("th/clips/a.mp3", "leaked", "k9", "test", None, 0),
        ("th/clips/a.mp3", "\"quoted\" it 'is'", "k1", "train", "duplicate_utterance", 1),
        ("th/clips/b.mp3", "same clip", "k2", "test", None, 0),
        ("th/clips/b.mp3", "no suffix", "k2", "train", "duplicate_path", 1),
        ("th/clips/c.mp3", "nobody", None, "validated", None, 0),
        ("th/clips/d.mp3", "bad", "k5", "invalidated", None, 0),
        ("th/clips/e.mp3", "", None, None, "no_transcript", 0),
        ("th/clips/gone.mp3", "gone", "k4", "validated", "missing_audio", 0),
        (f"th/clips/n{NFD}.mp3", "other form", "k3", "validated", None, 0),
        ("th/clips/só.mp3", "same form", "k4", "validated", None, 0),
        ("th/clips/with space.mp3", "spaces", "k3", "validated", None, 0),
        ("th/validated.tsv:10", "", None, None, "malformed_line", 0),
        ("th/validated.tsv:9", "", None, None, "malformed_line", 0),
        ("vi/train.tsv:1", "", None, None, "malformed_line", 0),
    ]
    (bad,) = (u for u in processor("common_voice").find(corpus.root) if u.path == "vi/train.tsv:1")
    assert bad.detail == "the header has no client_id"


def test_librispeech(corpus):
    one, two = "train-clean-100/19/198", "dev-clean/84/121"
    corpus.sound(*(f"{one}/19-198-000{n}.flac" for n in range(4)), f"{two}/84-121-0000.flac", f"{two}/19-198-0000.flac")
    corpus.sound(f"{one}/._19-198-0000.flac", f"{one}/19-198-0000.FLAC", "train-clean-100/19/loose.flac")
    corpus.text(f"{one}/19-198.trans.txt", "19-198-0000 ZERO\n19-198-0001\n19-198-0003 THREE\n19-198-0007 GONE\n x\n")
    corpus.text(f"{two}/84-121.trans.txt", "84-121-0000 A  B\n19-198-0000 COPIED HERE\n84-121-0000 A B\n")
    corpus.text("SPEAKERS.TXT", "19 | F")
    assert found("librispeech", corpus.root) == [
        (f"{two}/19-198-0000.flac", "COPIED HERE", "84", "dev-clean", None, 0),
        (f"{two}/84-121-0000.flac", "A B", "84", "dev-clean", None, 0),
        (f"{two}/84-121-0000.flac", "A B", "84", "dev-clean", "duplicate_utterance", 1),
        (f"{one}/._19-198-0000.flac", "", None, None, "no_transcript", 0),
        (f"{one}/19-198-0000.FLAC", "", None, None, "no_transcript", 0),
        (f"{one}/19-198-0000.flac", "ZERO", "19", "train-clean-100", "duplicate_utterance", 0),
        (f"{one}/19-198-0001.flac", "", "19", "train-clean-100", "empty_transcript", 0),
        (f"{one}/19-198-0002.flac", "", None, None, "no_transcript", 0),
        (f"{one}/19-198-0003.flac", "THREE", "19", "train-clean-100", None, 0),
        (f"{one}/19-198-0007.flac", "GONE", "19", "train-clean-100", "missing_audio", 0),
        (f"{one}/19-198.trans.txt:5", "", None, None, "malformed_line", 0),
        ("train-clean-100/19/loose.flac", "", None, None, "no_transcript", 0),
    ]


def test_a_split_alone_and_two_spellings_of_one_name(corpus):
    corpus.sound("19/198/19-198-0000.flac", f"{NFD}/1/{NFD}-1-0.flac", "é/1/é-1-0.flac")
    corpus.text("19/198/19-198.trans.txt", "19-198-0000 ZERO\n")
    corpus.text(f"{NFD}/1/a.trans.txt", "é-1-0 NFD\n")
    corpus.text("é/1/a.trans.txt", "é-1-0 NFC\n")
    assert found("librispeech", corpus.root) == [
        ("19/198/19-198-0000.flac", "ZERO", "19", None, None, 0),
        (f"{NFD}/1/{NFD}-1-0.flac", "NFD", NFD, None, None, 0),
        ("é/1/é-1-0.flac", "NFC", "é", None, "duplicate_utterance", 0),
    ]


def test_names_that_no_table_can_hold(corpus):
    corpus.sound("a\tb/1/1-1-0.flac", os.fsdecode(b"b\xe9/1/1-1-1.flac"), "c d/1/1-1-2.flac")
    corpus.text("a\tb/1/a.trans.txt", "1-1-0 TAB\n")
    corpus.text(os.fsdecode(b"b\xe9/1/a.trans.txt"), "1-1-1 LATIN\n")
    corpus.text("c d/1/a.trans.txt", "1-1-2 SPACE\n")
    utterances = list(PROCESSORS["librispeech"].find(corpus.root))
    assert [(u.path, u.problem, u.detail) for u in utterances] == [
        ("a\tb/1/1-1-0.flac", Problem.BAD_NAME, "the name has U+0009"),
        ("b\\xe9/1/1-1-1.flac", Problem.BAD_NAME, "the name is not UTF-8"),
        ("c d/1/1-1-2.flac", None, ""),
    ]
    assert [u.speaker for u in utterances] == ["a\tb", "b\\xe9", "c d"]


def test_links(corpus, tmp_path):
    corpus.sound("s/1/1/1-1-0.flac")
    (tmp_path / "elsewhere.flac").write_bytes((corpus.root / "s/1/1/1-1-0.flac").read_bytes())
    (corpus.root / "s/1/1/1-1-1.flac").symlink_to(tmp_path / "elsewhere.flac")
    (corpus.root / "s/1/1/1-1-2.flac").symlink_to(tmp_path / "nothing.flac")
    (corpus.root / "s/1/1/round").symlink_to(corpus.root)
    corpus.text("s/1/1/1-1.trans.txt", "".join(f"1-1-{n} X\n" for n in range(3)))
    assert [(u.path, u.problem) for u in PROCESSORS["librispeech"].find(corpus.root)] == [
        ("s/1/1/1-1-0.flac", None),
        ("s/1/1/1-1-1.flac", None),
        ("s/1/1/1-1-2.flac", Problem.MISSING_AUDIO),
    ]


def test_nothing_there(corpus):
    assert found("librispeech", corpus.root) == []
    with pytest.raises(FileNotFoundError):
        list(PROCESSORS["librispeech"].find(corpus.root / "nowhere"))
    with pytest.raises(ValueError, match="common_voice, gigaspeech2, librispeech"):
        processor("fisher")


@pytest.mark.parametrize("name", PROCESSORS)
def test_order_is_that_of_paths_and_no_two_are_one(made, name):
    utterances = list(PROCESSORS[name].find(made(name, 300)))
    assert utterances == sorted(utterances, key=lambda u: (u.path.encode(), u.number))
    assert len({u.id for u in utterances}) == len(utterances) == 300


def test_a_chapter_is_read_when_it_is_asked_for(corpus, monkeypatch):
    for chapter in range(5):
        corpus.sound(f"s/1/{chapter}/1-{chapter}-0.flac")
        corpus.text(f"s/1/{chapter}/1-{chapter}.trans.txt", f"1-{chapter}-0 X\n")
    read: list[str] = []
    layout = PROCESSORS["librispeech"]

    def parse(path: str, lines: object) -> Iterator[Line | Malformed]:
        read.append(path)
        return layout.parse(path, lines)

    watched = corpora.replace(layout, parse=parse)
    assert len(list(islice(watched.find(corpus.root), 2))) == 2
    assert read == ["s/1/0/1-0.trans.txt", "s/1/1/1-1.trans.txt"]


def test_text():
    assert normalise(f" \u3000caf{NFD}\t\u00a0b\nc ") == "café b c"
    assert bad_name("a b/é/日本/ก.wav") == ""
    assert bad_name("a\n\x7f") == "the name has U+000A, U+007F"
    assert bad_name("a\u2028b") == "the name has U+2028"
