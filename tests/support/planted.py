"""Secrets that are planted in every place that takes one, each a word that nothing else says."""

import itertools
import re
from urllib.parse import quote

_WORD = re.compile(r"zq\d{4}xyz")


class Secrets:
    """Makes secrets, and remembers what each was planted in."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1000)
        self._where: dict[str, str] = {}

    def plant(self, where: str) -> str:
        """A secret of letters and digits."""
        word = f"zq{next(self._numbers)}xyz"
        self._where[word] = where
        return word

    def odd(self, where: str, joined_by: str = "/@#?%: ") -> str:
        """A secret of several words with what URLs are taken apart at between them."""
        words = [self.plant(f"{where}, part {part}") for part in range(len(joined_by) + 1)]
        return words[0] + "".join(sign + word for sign, word in zip(joined_by, words[1:], strict=True))

    def encoded(self, where: str) -> str:
        """An odd secret as a URL takes it."""
        return quote(self.odd(where), safe="")

    def found(self, text: str) -> list[str]:
        """What was planted and is in the text, with what stands around it."""
        return [
            f"{self._where.get(match[0], match[0])}: ...{text[max(0, match.start() - 80) : match.end() + 20]!r}"
            for match in _WORD.finditer(text)
        ]
