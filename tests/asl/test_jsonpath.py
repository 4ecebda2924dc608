import pytest

from stepwell.asl.cursor import InvalidExpression
from stepwell.asl.expression import compile_path
from stepwell.asl.jsonpath import PathNotFound, java

DATA = {
    "store": {
        "book": [
            {"title": "A", "price": 8, "tags": ["x"]},
            {"title": "B", "price": 12.5, "isbn": "1"},
            {"title": "C", "price": 9, "isbn": "2"},
        ],
        "bicycle": {"color": "red", "price": 20},
    },
    "odd name": {"it's": 1},
    "limit": 10,
    "none": None,
}


def path_of(text):
    return compile_path(text).path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", DATA),
        ("$.limit", 10),
        ("$.none", None),
        ("$.store.bicycle", {"color": "red", "price": 20}),
        ("$.store.bicycle.color", "red"),
        ("$['store']['bicycle']['color']", "red"),
        ('$["store"].bicycle["color"]', "red"),
        ("$['odd name']['it\\'s']", 1),
        ("$.store.book[0].title", "A"),
        ("$.store.book[(@.length-1)].title", "C"),
        ("$.store.book[(@.length-3)].title", "A"),
        ("$.store.bicycle['color','price']", {"color": "red", "price": 20}),
    ],
)
def test_a_definite_path_gives_the_one_value(path, value):
    compiled = path_of(path)
    assert compiled.definite
    assert compiled.read(DATA) == value


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("$.store.book[*].title", ["A", "B", "C"]),
        ("$.store.book[0,2].title", ["A", "C"]),
        ("$.store.book[1:].title", ["B", "C"]),
        ("$.store.book[:1].title", ["A"]),
        ("$.store.book[-2:-1].title", ["B"]),
        ("$.store.bicycle.*", ["red", 20]),
        ("$..price", [8, 12.5, 9, 20]),
        ("$.store..title", ["A", "B", "C"]),
        ("$..book[1].title", ["B"]),
        ("$.store.book[?(@.price < 10)].title", ["A", "C"]),
        ("$.store.book[0].tags[*]", ["x"]),
        ("$.no.such[*]", []),
        ("$.limit[1:5].value", []),
        ("$.store.book[0,3].title", ["A"]),
        ("$.store.book[0,-1].title", ["A"]),
        ("$..book[(@.length-1)].title", ["C"]),
        ("$.store.book[*]['title','isbn']", [{"title": "A"}, {"title": "B", "isbn": "1"}, {"title": "C", "isbn": "2"}]),
        ("$..tags[1]", []),
    ],
)
def test_any_other_path_gives_the_list_of_what_it_finds(path, values):
    compiled = path_of(path)
    assert not compiled.definite
    assert compiled.reference is None
    assert compiled.read(DATA) == values


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("$.no", "No results for path: $['no']"),
        ("$.no.such.path", "Missing property in path $['no']"),
        ("$.store.bicycle.no", "No results for path: $['store']['bicycle']['no']"),
        ("$.store.book[3]", "No results for path: $['store']['book'][3]"),
        ("$.store.book[-4]", "No results for path: $['store']['book'][-4]"),
        ("$.store.book[-1]", "No results for path: $['store']['book'][-1]"),
        ("$.store.book[(@.length-4)]", "No results for path: $['store']['book'][(@.length-4)]"),
        ("$.store.book[3][0]", "The path $['store']['book'][3] is null"),
        (
            "$.store.bicycle[0]",
            'Filter: [0] can only be applied to arrays. Current context is: {"color":"red","price":20}',
        ),
        ("$.store.bicycle.color[0]", "Filter: [0] can only be applied to arrays. Current context is: red"),
        ("$.store.book[0].tags[0][0]", 'Filter: [0] can only be applied to arrays. Current context is: "x"'),
        ("$.none[0]", "The path $['none'] is null"),
        ("$.store.book.length()", "Property ['length()'] not found in path $['store']['book']"),
        ("$.limit.more", "Property ['more'] not found in path $['limit']"),
        ("$.none.more", "Property ['more'] not found in path $['none']"),
        ("$.store.book[3].more", "Property ['more'] not found in path $['store']['book'][3]"),
        ("$.limit['a','b']", "Property ['a', 'b'] not found in path $['limit']"),
        ("$.store['a','b'].c", "Multi properties can only be used as path leafs: $['store']['a', 'b']"),
    ],
)
def test_a_definite_path_that_leads_nowhere_says_why_in_jayways_words(path, why):
    with pytest.raises(PathNotFound) as problem:
        path_of(path).read(DATA)
    assert str(problem.value) == why


@pytest.mark.parametrize(
    "path", ["", "store", "$.", "$[", "$[]", "$['a", "$.a b", "$.a[1", "$.a[x]", "$.a[:]", "$.a[(@.length)]"]
)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InvalidExpression):
        path_of(path)


def test_a_reference_path_tells_its_steps():
    assert path_of("$.a['b'][0]").reference == ("a", "b", 0)
    assert path_of("$").reference == ()
    assert path_of("$.a.length()").reference is None


def test_a_backslash_in_a_name_is_part_of_it():
    """As recorded from AWS on 2025-02-02."""
    assert path_of('$[\'Test\\""Name"\']').read({'Test\\""Name"': 1}) == 1


def test_values_are_printed_as_java_prints_them():
    assert java({"a": [1, None, True, "x"], "b": {}}) == "{a=[1, null, true, x], b={}}"
