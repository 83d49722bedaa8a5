"""Taxonomy formats of somebody else: one that works and one that fails."""

from typing import Never

from taxonomy import Node, Taxonomy
from taxonomy.formats.protocol import TextFormat


def _fail(*_: object) -> Never:
    raise ValueError("out of luck")


SHOUTING = TextFormat(
    "shouting",
    lambda text: text.startswith("SHOUT"),
    lambda text, source: Taxonomy([Node(word, word) for word in text.split()[1:]], source),
)
FAILING = TextFormat("shouting", _fail, _fail)
