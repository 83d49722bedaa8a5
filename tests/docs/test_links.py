"""Every link and every path, command and setting that a page names exists."""

import re
import shlex
from pathlib import Path

import click
import pytest
from pages import DOCS, PAGES, ROOT, page_name, prose

from worker.cli.main import cli
from worker.settings import Settings

_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)|(?:src|srcset)=\"([^\"]+)\"")
_PATH = re.compile(r"(?<![\w./-])((?:taxonomy|classifier|worker|migrations|tests|benchmarks|docs|\.ci)/[\w./*-]*)")
_FILE = re.compile(r"`([\w-]+\.(?:md|toml|txt|yml))`")
_OWN = {"ASSETS", "BUNDLES"}  # of docs/deploy/compose.yaml
_WRITTEN_BY_COMMANDS = {"MODEL_CARD.md"}


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    """A relative one to a file, beside the page."""
    for found in _LINK.finditer(prose(page)):
        target = found[1] or found[3]
        assert (page.parent / target).exists(), f"{page_name(page)} -> {target}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_path_that_is_named_exists(page: Path) -> None:
    """Files and folders of the repository; with * at least one."""
    for path in _PATH.findall(page.read_text(encoding="utf-8")):
        assert list(ROOT.glob(path.rstrip("./"))), f"{page_name(page)}: {path}"
    for name in set(_FILE.findall(prose(page))) - _WRITTEN_BY_COMMANDS:
        assert (ROOT / name).exists(), f"{page_name(page)}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    known = {name.upper() for name in Settings.model_fields} | _OWN
    for name in re.findall(r"CLADIST_([A-Z_]+)(?!\w|\.\.\.)", page.read_text(encoding="utf-8")):
        beginning = name.endswith("_") and any(setting.startswith(name) for setting in known)
        assert beginning or name in known or name == "", f"{page_name(page)}: CLADIST_{name}"


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_command_in_a_sentence_exists(page: Path) -> None:
    """With its options; `a|b` stands for several."""
    for words in re.findall(r"`cladist\s([^`]*)`", prose(page)):
        try:
            check(shlex.split(words))
        except (AssertionError, ValueError) as error:
            pytest.fail(f"{page_name(page)}: cladist {words}: {error}")


def check(words: list[str]) -> None:
    """Raises where a command or one of its options does not exist."""
    command: click.Command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        names, words = words[0].split("|"), words[1:]
        found = [command.get_command(click.Context(command), name) for name in names]
        assert all(found), names
        command = found[0]  # type: ignore[assignment]
    options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= options, given - options


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_every_benchmark_that_is_named_has_its_options(page: Path) -> None:
    for script, words in re.findall(r"python (benchmarks/\w+\.py)([^`]*)`", page.read_text(encoding="utf-8")):
        source = (ROOT / script).read_text(encoding="utf-8")
        missing = [option for option in re.findall(r"--[\w-]+", words) if f'"{option}"' not in source]
        assert not missing, f"{page_name(page)}: {script} {missing}"


def test_every_page_is_in_the_site() -> None:
    """The navigation of mkdocs.yml names every page under docs/."""
    navigation = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    named = set(re.findall(r"[\w/-]+\.md", navigation))
    assert named == {str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)}
