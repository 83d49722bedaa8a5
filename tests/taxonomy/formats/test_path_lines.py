"""Path lines, `A > B > C`, with and without ids."""

import pytest
from fixture_types import Read, Refusal

from taxonomy.graph import split_path

WITH_IDS = "1 - Animals\n3 - Animals > Cats\n2 - Animals > Dogs\n10 - Toys\n"


def test_parents_are_implied_without_ids(read: Read) -> None:
    taxonomy = read("Animals > Cats > Lions\nAnimals > Dogs\n")
    assert [(node.id, node.name, node.parents) for node in taxonomy] == [
        ("Animals", "Animals", ()),
        ("Animals > Cats", "Cats", ("Animals",)),
        ("Animals > Cats > Lions", "Lions", ("Animals > Cats",)),
        ("Animals > Dogs", "Dogs", ("Animals",)),
    ]


def test_a_parent_may_have_a_line_of_its_own_before_or_after(read: Read) -> None:
    assert read("A\nA > B\nC > D\nC\n") == read("A > B\nC > D\n")


def test_ids_are_kept(read: Read) -> None:
    taxonomy = read(WITH_IDS)
    assert [(node.id, node.name, node.parents) for node in taxonomy] == [
        ("1", "Animals", ()),
        ("10", "Toys", ()),
        ("2", "Dogs", ("1",)),
        ("3", "Cats", ("1",)),
    ]
    assert [node.line for node in taxonomy] == [1, 4, 3, 2]


def test_a_parent_with_an_id_may_follow_its_children(read: Read) -> None:
    assert read("3 - Animals > Cats\n2 - Animals > Dogs\n10 - Toys\n1 - Animals\n") == read(WITH_IDS)


def test_comments_blank_lines_and_white_space(read: Read) -> None:
    """None of them counts, but they count as lines."""
    taxonomy = read("# Google_Product_Taxonomy_Version: 2021-09-21\n\n  A > B  \n\t\n# end\nA   >   C\n")
    assert [node.id for node in taxonomy] == ["A", "A > B", "A > C"]
    assert [node.line for node in taxonomy] == [3, 3, 6]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read(read: Read, end: str) -> None:
    assert read(end.join(WITH_IDS.splitlines())) == read(WITH_IDS)


def test_a_byte_order_mark_is_no_part_of_the_first_name(read: Read) -> None:
    assert read(b"\xef\xbb\xbf" + WITH_IDS.encode()) == read(WITH_IDS)


def test_names_keep_signs_that_are_no_separator(read: Read) -> None:
    """Only `>` between white space separates; commas, ampersands and dashes belong to names."""
    taxonomy = read("Arts & Crafts > Needles, 3>4 mm > T-shirts\n")
    assert taxonomy.find_path(["Arts & Crafts", "Needles, 3>4 mm", "T-shirts"]).name == "T-shirts"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A > B\nA >  > C\n", "line 2: blank name in path 'A >  > C'"),
        ("A > B\nA > B >\n", "line 2: blank name in path 'A > B > '"),
        ("A > B\n> B\n", "line 2: blank name in path ' > B'"),
        ("A > B\nA > C\nA > B\n", "line 3: path 'A > B' was given on line 1 already"),
        ("A\nB > C\nA\n", "line 3: path 'A' was given on line 1 already"),
        ("1 - A\n2 - A > B\n3 - A > B\n", "line 3: path 'A > B' has the id '2' already"),
        ("1 - A\n1 - A > B\n", "duplicate id '1' (line 1) and again (line 2)"),
        ("1 - A\n# B is forgotten\n2 - A > B > C\n", "line 3: unknown parent: no line gives 'A > B' an id"),
        ("1 - A\n2 - A > B\n3 - A > B >\n", "node '3' (line 3) has a blank name"),
    ],
)
def test_wrong_lines_are_refused(refusal: Refusal, text: str, message: str) -> None:
    assert refusal(text) == message


def test_two_separators_with_one_space_between(refusal: Refusal) -> None:
    """`A > > C` has a blank name; it does not have a child named `> C`."""
    assert "blank name" in refusal("A > > C\nA > B\n")


def test_one_line_that_forgot_its_id(refusal: Refusal) -> None:
    assert refusal("1 - Animals\n2 - Animals > Cats\nAnimals > Dogs\n").startswith("line 3: ")


@pytest.mark.parametrize("text", ["1 - Animals\n2 - Toys\n", "1 - Animals\n"])
def test_a_taxonomy_of_roots_alone_is_detected_by_its_ids(read: Read, text: str) -> None:
    assert read(text).roots


def test_a_taxonomy_of_roots_alone_can_be_named(read: Read) -> None:
    assert [node.name for node in read("Animals\nToys\n", "path-lines")] == ["Animals", "Toys"]


def test_the_same_path_in_another_spelling_is_a_duplicate(refusal: Refusal) -> None:
    """Composed and decomposed accents make one path."""
    assert "caf\u00e9" in refusal("A > caf\u00e9\nA > cafe\u0301\n")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("A", ("A",)),
        ("A > B", ("A", "B")),
        ("  A  >  B ", ("A", "B")),
        ("A>B", ("A>B",)),
        ("A\t>\tB", ("A", "B")),
        ("", ("",)),
        ("A >", ("A", "")),
    ],
)
def test_a_path_is_split_at_separators_alone(text: str, names: tuple[str, ...]) -> None:
    assert split_path(text) == names
