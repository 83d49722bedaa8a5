"""Taxonomies small enough to work out by hand what must come of them."""

from taxonomy import Node, Taxonomy


def outdoor_shop(source: str = "taxonomy") -> Taxonomy:
    """Two roots, and a node of two parents at different levels, so that its longer way down gives its level.

    out 1, wear 1 | foot 2 (assignable, under wear), tents 2 (under out) | boots 3 (under out and foot), sandals 3.
    """
    return Taxonomy(
        [
            Node("boots", "Boots", ("foot", "out")),
            Node("foot", "Footwear", ("wear",), assignable=True),
            Node("out", "Outdoor"),
            Node("sandals", "Sandals", ("foot",)),
            Node("wear", "Clothing"),
            Node("tents", "Tents", ("out",)),
        ],
        source,
    )
