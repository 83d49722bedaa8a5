"""What errors carry: message, source, line and code, and the one line that is made of them."""

import pickle

import pytest

from taxonomy import CladistError, TaxonomyError
from taxonomy.errors import first_line, located, some_of


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CladistError("no such file"), "no such file"),
        (CladistError("no such file", source="a.csv"), "a.csv: no such file"),
        (CladistError("blank name", source="a.csv", line=3), "a.csv: line 3: blank name"),
        (CladistError("blank name", line=3), "line 3: blank name"),
    ],
)
def test_the_text_is_made_of_the_fields(error: CladistError, text: str) -> None:
    """As far as the place is known."""
    assert str(error) == text


def test_an_error_travels_with_its_fields() -> None:
    """To another process, and into another kind of error, which has a code of its own."""
    error = TaxonomyError("blank name", source="a.csv", line=3, code="bad")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.line, again.code) == ("a.csv: line 3: blank name", 3, "bad")
    other = CladistError.of(error)
    assert (type(other), str(other), other.code) == (CladistError, str(error), None)


def test_a_place_is_given_once() -> None:
    """The innermost place is the right one."""
    with pytest.raises(TaxonomyError) as refusal, located("outer", 9), located("inner", 3, "entry 2"):
        raise TaxonomyError("no id")
    assert (str(refusal.value), refusal.value.source, refusal.value.line) == (
        "inner: line 3: entry 2: no id",
        "inner",
        3,
    )
    again = pickle.loads(pickle.dumps(refusal.value))
    assert str(again) == str(refusal.value)


def test_a_librarys_error_is_shortened() -> None:
    """To its first line that says something."""
    assert first_line(ValueError("\n  torn: \n  at byte 3\nand more")) == "torn: at byte 3"
    assert first_line(ValueError("torn\nat byte 3")) == "torn"
    assert first_line(ValueError()) == "ValueError"


def test_some_of_many() -> None:
    """The rest is counted."""
    assert some_of("abc", 3) == "a, b, c"
    assert some_of("abcde", 3, "; ") == "a; b; c and 2 more"
    assert some_of([], 3) == ""
