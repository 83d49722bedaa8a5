"""The rule by which a node is found, over a taxonomy in memory."""

import pytest
from node_cases import FOUND, REFUSED, SHOP

from taxonomy import TaxonomyError, find_node


@pytest.mark.parametrize(("wanted", "node_id"), FOUND)
def test_a_node_is_found_by_id_path_name_or_alias(wanted: str, node_id: str) -> None:
    """The first of the four that fits decides."""
    assert find_node(SHOP, wanted).id == node_id


@pytest.mark.parametrize(("wanted", "message"), REFUSED)
def test_unknown_and_ambiguous_names_are_refused(wanted: str, message: str) -> None:
    """An ambiguous name is answered with the paths that it may mean."""
    with pytest.raises(TaxonomyError) as refusal:
        find_node(SHOP, wanted)
    assert str(refusal.value) == message
