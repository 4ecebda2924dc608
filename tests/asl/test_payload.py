import pytest

from stepwell.asl.payload import Payload, canonical
from stepwell.errors import StatesError


def test_a_parsed_text_is_kept_as_it_was_given():
    assert Payload.parse('["Hello",  "World"]').text == '["Hello",  "World"]'
    assert Payload.parse('["Hello",  "World"]').value == ["Hello", "World"]


def test_a_text_that_is_no_json_is_told_when_its_value_is_needed():
    payload = Payload.parse("nope")
    with pytest.raises(ValueError, match="Expecting value"):
        payload.value  # noqa: B018


def test_constants_that_json_does_not_have_are_refused():
    with pytest.raises(ValueError, match="NaN is not JSON"):
        Payload.parse("[NaN]").value  # noqa: B018
    with pytest.raises(StatesError):
        Payload.of(float("inf")).text  # noqa: B018


def test_a_computed_text_is_compact_and_keeps_its_letters():
    assert Payload.of({"a": [1, 2.0, "é"]}).text == '{"a":[1,2.0,"é"]}'


def test_a_lone_surrogate_stays_escaped_so_that_the_text_can_be_stored():
    assert Payload.of("\ud800").text == '"\\ud800"'


def test_the_size_counts_bytes_of_utf8():
    assert Payload.of("abc").size == 5
    assert Payload.of("é").size == 4


def test_an_array_of_payloads_joins_their_texts_without_writing_them_again():
    array = Payload.array([Payload.parse('{"a": 1}'), Payload.of([2])])
    assert array.text == '[{"a": 1},[2]]'
    assert array.value == [{"a": 1}, [2]]
    assert Payload.array([]).text == "[]"


def test_payloads_are_equal_by_text():
    assert Payload.of([1]) == Payload.parse("[1]")
    assert len({Payload.of([1]), Payload.parse("[1]")}) == 1
    assert repr(Payload.of([1])) == "Payload([1])"


def test_canonical_texts_tell_numbers_and_booleans_apart_but_not_the_order_of_keys():
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert len({canonical(1), canonical(1.0), canonical(True)}) == 3
