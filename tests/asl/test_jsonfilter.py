import pytest

from stepwell.asl.cursor import InvalidExpression
from stepwell.asl.expression import compile_path

USERS = {
    "most": 30,
    "users": [
        {"id": 1, "name": "Ann", "age": 28, "tags": ["a", "b"], "on": True},
        {"id": 2, "name": "Bob", "age": 35, "tags": [], "on": False},
        {"id": 3, "name": "O'Neil", "age": None},
    ],
}


@pytest.mark.parametrize(
    ("test", "ids"),
    [
        ("@.age == 28", [1]),
        ("@.age != 28", [2, 3]),
        ("@.age<30", [1]),
        ("@.age >= 28", [1, 2]),
        ("@.age > $.most", [2]),
        ("@.name == 'Bob'", [2]),
        ('@.name == "Bob"', [2]),
        ("@.name == 'O\\'Neil'", [3]),
        ("@.on == true", [1]),
        ("@.age == null", [3]),
        ("@.on", [1, 2]),
        ("!@.on", [3]),
        ("@.on && @.age > 30", [2]),
        ("@.id == 1 || @.id == 3", [1, 3]),
        ("(@.id == 1 || @.id == 2) && @.on == false", [2]),
        ("@.name =~ /o.*/i", [3]),
        ("@.name in ['Ann', 'Bob']", [1, 2]),
        ("@.name nin ['Ann']", [2, 3]),
        ("@.tags contains 'b'", [1]),
        ("@.tags size 0", [2]),
        ("@.tags empty true", [2]),
        ("@.tags[1] == 'b'", [1]),
        ("@.id == 1.0", [1]),
        ("@.id == -1", []),
        ("@.name < 5", []),
    ],
)
def test_a_filter_keeps_the_items_for_which_it_holds(test, ids):
    assert compile_path(f"$.users[?({test})].id").path.read(USERS) == ids


@pytest.mark.parametrize("test", ["", "@.a ==", "@.a == 'x", "(@.a", "@.a =~ /(/", "@.a == 1 1"])
def test_a_filter_that_cannot_be_read_is_refused(test):
    with pytest.raises(InvalidExpression):
        compile_path(f"$.users[?({test})]")
