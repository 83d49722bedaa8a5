"""Which columns of a header are levels: numbered ones, ranks of biology, and words such as category and subcategory."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from taxonomy.formats.vocabulary import field_columns, id_strength

RANKS = [
    "domain",
    "superkingdom",
    "realm",
    "kingdom",
    "subkingdom",
    "infrakingdom",
    "superphylum",
    "phylum",
    "division",
    "subphylum",
    "superclass",
    "class",
    "subclass",
    "infraclass",
    "superorder",
    "order",
    "suborder",
    "infraorder",
    "superfamily",
    "family",
    "subfamily",
    "supertribe",
    "tribe",
    "subtribe",
    "genus",
    "subgenus",
    "species",
    "subspecies",
    "variety",
    "form",
]
_SURE_RANKS = frozenset(["kingdom", "phylum", "order", "genus", "species"])
_RANK_ALIASES = {"specific epithet": "species", "infraspecific epithet": "subspecies", "specificepithet": "species"}
_SCIENTIFIC = ("scientific name", "canonical name")
_WORDS = frozenset(
    [
        "category",
        "subcategory",
        "cat",
        "subcat",
        "type",
        "subtype",
        "class",
        "subclass",
        "group",
        "subgroup",
        "family",
        "subfamily",
        "segment",
        "subsegment",
        "commodity",
        "brick",
        "department",
        "subdepartment",
        "division",
        "subdivision",
        "section",
        "subsection",
        "sector",
        "subsector",
        "industry",
        "subindustry",
        "area",
        "subarea",
        "topic",
        "subtopic",
        "theme",
        "subtheme",
        "genre",
        "subgenre",
        "collection",
        "kind",
        "domain",
        "subdomain",
        "field",
        "subfield",
        "branch",
        "cluster",
        "product",
        "products",
        "supercategory",
        "superclass",
        "supergroup",
        "kategorie",
        "unterkategorie",
        "hauptkategorie",
        "oberkategorie",
        "categoria",
        "subcategoria",
        "categorie",
        "rubrik",
        "order",
        "genus",
        "species",
        "superfamily",
        "label",
        "tag",
        "subtopics",
        "line",
        "subclassification",
        "classification",
        "concept",
        "subject",
        "subsubcategory",
    ]
)
_NAME_ENDS = ("title", "name", "names", "label", "description", "desc", "text", "value", "en")
_CODE_ENDS = ("code", "id", "key", "number", "no", "nr", "num", "uri")
_NO_LEVELS = frozenset(
    [
        "image",
        "images",
        "img",
        "file",
        "filename",
        "url",
        "uri",
        "path",
        "split",
        "date",
        "price",
        "size",
        "width",
        "height",
        "count",
        "score",
        "prob",
        "confidence",
        "feature",
        "embedding",
        "attribute",
        "parent",
        "x",
        "y",
        "color",
        "colour",
        "bullet",
        "author",
        "photo",
        "picture",
        "alias",
        "synonym",
        "weight",
    ]
)
_NUMBERS: Mapping[str, int] = {
    **{
        word: n
        for n, word in enumerate(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 1)
    },
    **{
        word: n
        for n, word in enumerate(["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth"], 1)
    },
    **{word: n for n, word in enumerate(["1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "8th"], 1)},
    **{word: n for n, word in enumerate(["primary", "secondary", "tertiary", "quaternary"], 1)},
    **{word: n for n, word in enumerate(["i", "ii", "iii", "iv", "v", "vi", "vii", "viii"], 1)},
}
_TRAILING_NUMBER = re.compile(r"^(.*?[^\W\d])(\d{1,2})$")


class Levels(NamedTuple):
    """The columns of a table with one for each level, from the first level down.

    codes: for each level the column with its code, or None. kind: numbered, ranks or words.
    """

    names: tuple[int, ...]
    codes: tuple[int | None, ...]
    id: int | None
    aliases: int | None
    kind: str


def level_columns(titles: tuple[str, ...]) -> Levels | None:
    """The levels that plain titles name; None where there are fewer than two."""
    for kind, find in (("ranks", _ranks), ("numbered", _numbered), ("words", _words)):
        found = find(titles)
        if found is not None:
            names, codes = found
            taken = {*names, *codes}
            fields = field_columns(tuple("" if place in taken else title for place, title in enumerate(titles)))
            common = [place for place, title in enumerate(titles) if title.split()[:1] in (["common"], ["vernacular"])]
            aliases = common[0] if common else fields.get("aliases")
            return Levels(names, codes, _own_id(titles, taken), aliases, kind)
    return None


def _own_id(titles: Sequence[str], taken: set[int | None]) -> int | None:
    strengths = [0 if place in taken else id_strength(title) for place, title in enumerate(titles)]
    return strengths.index(max(strengths)) if max(strengths, default=0) else None


Found = tuple[tuple[int, ...], tuple[int | None, ...]] | None


def _ranks(titles: Sequence[str]) -> Found:
    found: dict[str, int] = {}
    for place, title in enumerate(titles):
        words = title.split()
        rank = _RANK_ALIASES.get(title) or (words[0] if words and words[1:] in ([], ["name"], ["scientific"]) else "")
        if rank in RANKS:
            found.setdefault(rank, place)
    if "genus" in found and "species" not in found:  # a scientific name says the species where no column does
        scientific = next((place for place, title in enumerate(titles) if title in _SCIENTIFIC), None)
        if scientific is not None:
            found["species"] = scientific
    ordered = [rank for rank in RANKS if rank in found]
    places = tuple(found[rank] for rank in ordered)
    sure = len(_SURE_RANKS & found.keys())
    others = [t for t in titles if t.split()[:1] and t.split()[0] in _WORDS and t.split()[0] not in RANKS]
    if len(ordered) > 1 and sure and not others and (sure > 1 or places == tuple(sorted(places))):
        return places, tuple(None for _ in places)
    return None


def _numbered(titles: Sequence[str]) -> Found:
    families: dict[tuple[str, ...], dict[int, int]] = {}
    for place, title in enumerate(titles):
        template, number = _template(title)
        if number is not None and not set(template) & _NO_LEVELS:
            families.setdefault(template, {}).setdefault(number, place)
    runs = {template: found for template, found in families.items() if len(found) > 1 and _is_run(sorted(found))}
    if not runs:
        return None
    named = max(runs, key=lambda template: (_names_more(template), len(runs[template])))
    numbers = sorted(runs[named])
    coded = next((t for t in runs if t != named and t and t[-1] in _CODE_ENDS and sorted(runs[t]) == numbers), None)
    codes = tuple(runs[coded][n] for n in numbers) if coded else tuple(None for _ in numbers)
    return tuple(runs[named][number] for number in numbers), codes


def _template(title: str) -> tuple[tuple[str, ...], int | None]:
    """A title's words with `*` in place of its one number, and that number."""
    words = title.split()
    for place, word in enumerate(words):
        glued = _TRAILING_NUMBER.match(word)
        number = int(word) if word.isdecimal() and len(word) < 3 else _NUMBERS.get(word)  # noqa: PLR2004 (no years)
        if number is None and glued:
            return (*words[:place], glued[1], "*", *words[place + 1 :]), int(glued[2])
        if number is not None and len(words) > 1:
            return (*words[:place], "*", *words[place + 1 :]), number
    return tuple(words), None


def _is_run(numbers: Sequence[int]) -> bool:
    return numbers[0] in (0, 1, 2) and list(numbers) == list(range(numbers[0], numbers[0] + len(numbers)))


def _names_more(template: tuple[str, ...]) -> int:
    return 2 if template[-1] in _NAME_ENDS else 0 if template[-1] in _CODE_ENDS else 1


def _words(titles: Sequence[str]) -> Found:
    bases: dict[str, dict[str, int]] = {}
    for place, title in enumerate(titles):
        base, kind = _base(title)
        if base is not None:
            bases.setdefault(base, {}).setdefault(kind, place)
    levels = {
        base: found for base, found in bases.items() if "name" in found or "plain" in found or "code" not in found
    }
    if len(levels) < 2 or any("parent" in title.split() for title in titles):  # noqa: PLR2004 (one level is no tree)
        return None
    ordered = sorted(levels, key=lambda base: min(levels[base].values()))
    weights = [weight for base in ordered if (weight := _weight(base, levels)) is not None]
    if weights != sorted(weights):  # the deepest level stands first
        ordered.reverse()
    names, codes = [], []
    for base in ordered:
        found = levels[base]
        names.append(found.get("name", found.get("plain", -1)))
        codes.append(found.get("code", found.get("plain") if "name" in found else None))
    return tuple(names), tuple(codes)


def _base(title: str) -> tuple[str | None, str]:
    """(what a title is about, whether it is the name, the code, or just that); None where it is no level."""
    words = title.split()
    if not words or set(words) & _NO_LEVELS:
        return None, ""
    kind = "plain"
    if len(words) > 1 and words[-1] in _NAME_ENDS:
        words, kind = words[:-1], "name"
    elif len(words) > 1 and words[-1] in _CODE_ENDS:
        words, kind = words[:-1], "code"
    joined = "".join(words)
    if words[-1] in _WORDS or joined in _WORDS or words[0] in {"sub", "main", "master", "top"}:
        return " ".join(words), kind
    return None, ""


def _weight(base: str, levels: Mapping[str, Mapping[str, int]]) -> int | None:
    """The number of `sub` in front, -1 for master, main, top and super; None where no other level shares the word."""
    words = base.replace("sub ", "sub")
    count = 0
    while words.startswith("sub") and len(words) > len("sub"):
        words, count = words[len("sub") :].strip(" -"), count + 1
    if base.split(maxsplit=1)[0] in {"master", "main", "top", "super"} or base.startswith("super"):
        return -1
    plain_word = words.replace(" ", "")
    shared = [each for each in levels if each.replace(" ", "").endswith(plain_word)]
    return count if len(shared) > 1 else None
