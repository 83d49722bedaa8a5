"""Names that fool the eye: signs that are not seen or turn the text around, and siblings that look the same."""

import re
import unicodedata
from collections import defaultdict

from taxonomy.errors import some_of
from taxonomy.graph import Taxonomy

_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_UNSEEN = frozenset(
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f"
    "\u2800\u3164\ufeff\uffa0\ufff9\ufffa\ufffb"
) | frozenset(map(chr, range(0xE0000, 0xE0080)))
_JOINERS = frozenset("\u200c\u200d")  # part of the spelling in Persian, Indic scripts and emoji
# Beside a Latin letter, or at an end, it joins nothing.
_IDLE_JOINER = re.compile("(?:^|[\0-\u024f])[\u200c\u200d]|[\u200c\u200d](?:[\0-\u024f]|$)")
_LOOKALIKES = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u04cf\u051b\u051d\u0410"
    "\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0423\u0406\u0408\u0405\u0391\u0392"
    "\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd\u03b1\u0131",
    "aeopcyxijsdhlqwABEKMHOPCTXYIJSABEZHIKMNOPTYXovai",
)  # Cyrillic and Greek letters in the shape of Latin ones
_MAX_NAMED = 5


def name_warnings(taxonomy: Taxonomy) -> list[str]:
    """Warnings about ids and names with invisible, turning or control signs, and about siblings that look alike."""
    odd = [node.id for node in taxonomy if _has_odd_signs(node.id) or _has_odd_signs(node.name)]
    found = []
    if odd:
        shown = some_of([ascii(node_id)[:60] for node_id in odd], _MAX_NAMED)
        found.append(f"invisible, control or text-turning signs in the id or name of {shown}")
    looks: dict[tuple[str | None, str], list[str]] = defaultdict(list)
    for node in taxonomy:
        for parent in node.parents or (None,):
            looks[parent, skeleton(node.name)].append(node.name)
    twins = [ascii(names) for names in looks.values() if len(names) > 1]
    if twins:
        found.append(f"siblings whose names look the same: {some_of([twin[:120] for twin in twins], _MAX_NAMED)}")
    return found


def skeleton(name: str) -> str:
    """What a name looks like: compatibility forms, letters of other scripts in Latin shape, no invisible sign, no case.

    Source: after Unicode Technical Standard 39, with a table of the letters that are commonest.
    """
    seen = "".join(sign for sign in name if sign not in _TURNING | _UNSEEN | _JOINERS)
    return unicodedata.normalize("NFKC", seen).translate(_LOOKALIKES).casefold()


def _has_odd_signs(text: str) -> bool:
    if text.isascii():
        return not text.isprintable()
    odd = any(sign in _TURNING or sign in _UNSEEN or unicodedata.category(sign) in ("Cc", "Cs") for sign in text)
    return odd or _IDLE_JOINER.search(text) is not None
