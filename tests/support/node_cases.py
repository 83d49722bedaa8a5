"""What people call nodes, and which node each of it finds: the same in memory, in a database, on the command line."""

from taxonomy import Node, Taxonomy

SHOP = Taxonomy(
    [
        Node("wear", "Clothing"),
        Node("out", "Outdoor"),
        Node("kids", "Kids"),
        Node("foot", "Footwear", ("wear",), aliases=("Shoes",), names={"de": "Schuhe", "fr": "Souliers  d'été"}),
        Node("boots", "Boots", ("foot", "out")),
        Node("kids-boots", "Boots", ("kids",)),
        Node("wear-kids", "Kids", ("wear",)),
        Node("sandals", "Sandals", ("foot",), aliases=("Footwear",)),
        Node("Sandals", "Flip-flops", ("foot",)),
        Node("clogs", "Clogs", ("foot",), aliases=("Slippers",)),
        Node("mules", "Mules", ("foot",), aliases=("Slippers",)),
        *(Node(f"other-{name}", "Other", (name,)) for name in ("boots", "clogs", "kids", "mules", "out")),
    ]
)

FOUND = [
    ("boots", "boots"),  # an id
    ("Sandals", "Sandals"),  # an id before a name
    ("Clothing > Footwear > Boots", "boots"),  # a path
    ("Outdoor > Boots", "boots"),  # its other path
    ("Kids > Boots", "kids-boots"),
    ("Kids", "kids"),  # a path, of one name, before a name that two nodes have
    ("Flip-flops", "Sandals"),  # a name
    ("Footwear", "foot"),  # a name before another node's alias
    ("Shoes", "foot"),  # an alias
    ("Schuhe", "foot"),  # a name by locale
    (" Souliers d'e\u0301te\u0301 ", "foot"),  # white space and accents are tidied
]


def _several(wanted: str, paths: str) -> tuple[str, str]:
    return wanted, f"several nodes are named {wanted!r}: {paths}: give the path or the id"


def _none(wanted: str) -> tuple[str, str]:
    return wanted, f"no node has the id or path {wanted!r}, nor that name or alias"


AMBIGUOUS = _several("Boots", "Clothing > Footwear > Boots (boots); Kids > Boots (kids-boots)")
UNKNOWN = _none("Toys")
REFUSED = [
    AMBIGUOUS,
    _several("Slippers", "Clothing > Footwear > Clogs (clogs); Clothing > Footwear > Mules (mules)"),
    _several(
        "Other",
        "Clothing > Footwear > Boots > Other (other-boots); Clothing > Footwear > Clogs > Other (other-clogs); "
        "Kids > Other (other-kids) and 2 more",
    ),
    UNKNOWN,
    _none("Clothing > Boots"),
    _none("shoes"),  # case counts
    _none(""),
]
