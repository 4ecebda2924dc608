from pathlib import Path

from stepwell.cli.streams import Cut

LOG = """\
START RequestId: a Version: $LATEST
one
END RequestId: a
REPORT RequestId: a\tDuration: 3 ms
between
START RequestId: b Version: $LATEST
two
unfinishedEND RequestId: b
"""


def test_an_invocations_lines_are_those_between_its_start_and_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    assert Cut(tmp_path / "log", "a").lines() == ["one"]
    assert Cut(tmp_path / "log", "c").lines() == []


def test_a_last_line_that_was_not_finished_stands_in_front_of_end(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(LOG)
    cut = Cut(tmp_path / "log", "b")
    assert (cut.lines(), cut.ended) == (["two", "unfinished"], True)


def test_where_end_is_missing_the_lines_go_on_to_the_end_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("START RequestId: a\none\nhal")
    cut = Cut(tmp_path / "log", "a")
    assert (cut.lines(), cut.ended) == (["one"], False)
    assert cut.lines(whole=True) == ["hal"]


def test_what_is_added_is_read_on(tmp_path: Path) -> None:
    cut = Cut(tmp_path / "log", "a")
    assert cut.lines() == []
    with (tmp_path / "log").open("w") as file:
        for text, lines in (("START RequestId: a\n", []), ("one\ntw", ["one"]), ("o\nEND RequestId: a\n", ["two"])):
            file.write(text)
            file.flush()
            assert cut.lines() == lines
        file.write("START RequestId: a\nlater\n")
    assert cut.lines(whole=True) == []


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"START RequestId: a\n\xff\xfe\n")
    assert Cut(tmp_path / "log", "a").lines() == ["\ufffd\ufffd"]
