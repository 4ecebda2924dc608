import pytest

from stepwell.asl.timestamps import epoch


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01t00:00:01.5z", 1.5),
        ("1970-01-01T00:01Z", 60),
    ],
)
def test_an_extended_date_time_with_an_offset_is_a_moment(text, moment):
    assert epoch(text) == moment


def test_digits_behind_microseconds_are_allowed():
    assert epoch("2016-03-05T21:29:29.243167252Z") == pytest.approx(1457213369.243167)


@pytest.mark.parametrize(
    "text",
    [
        "2016-13-05T21:29:29Z",
        "05-12-2016T21:29:29Z",
        "2016-12-05T25:29:29Z",
        "2016-12-05 21:29:29Z",
        "2016-12-05T21:29:29",
        "20161205T212929Z",
        "",
        None,
        5,
    ],
)
def test_anything_else_is_no_moment(text):
    assert epoch(text) is None
