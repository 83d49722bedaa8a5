"""Write docs/reference/settings.md from worker/settings.py: `python docs/tools/settings_page.py`."""

from collections.abc import Iterator
from pathlib import Path

from fields import default_text, range_text, schemas

from worker.settings import Settings

PAGE = Path(__file__).parents[1] / "reference" / "settings.md"

# Each section begins with the setting that is named here and ends before the next one's.
SECTIONS = {
    "database_url": "Database and broker",
    "asset_schemes": "Assets",
    "message_size": "Workers",
    "lease_s": "Jobs",
    "sinks": "Events and webhooks",
    "api_max_bytes": "HTTP API",
    "log_format": "Logs and monitoring",
}

_ESCAPED = r"\|"

_HEAD = """# Settings

<!-- Written by docs/tools/settings_page.py from worker/settings.py; change it there. -->

Settings are environment variables. Names that end in `_s` are seconds. `false`, `no`, `off` and `0` all mean false.

```sh
export CLADIST_DATABASE_URL=sqlite:///cladist.db
CLADIST_LOG_LEVEL=INFO cladist db upgrade
```

A bad value is refused when the process starts, with the name of its variable.
"""


def settings_page() -> str:
    """The whole page."""
    return _HEAD + "".join(_lines())


def _lines() -> Iterator[str]:
    for name, schema in schemas(Settings).items():
        if name in SECTIONS:
            yield f"\n## {SECTIONS[name]}\n\n| setting | default; allowed | what it says |\n|---|---|---|\n"
        values = "; ".join(text for text in (default_text(schema), range_text(schema)) if text)
        yield f"| `CLADIST_{name.upper()}` | {values.replace('|', _ESCAPED)} | {schema['description']} |\n"


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
