"""`cladist policy schema|check`: documents, without keeping them."""

import json
from pathlib import Path

import click

from taxonomy import Taxonomy, read_taxonomy
from worker.catalog.releases import find_release, stored_taxonomy
from worker.catalog.serving import active_bundle, serving_release
from worker.cli.options import file_type, json_option
from worker.cli.output import print_file, print_json, print_text
from worker.db.engine import open_database
from worker.errors import DatabaseError, LookupFailedError
from worker.policies.rules.check import Check, check_policy
from worker.policies.rules.document import PolicyDocument, policy_schema, read_policy
from worker.policies.rules.errors import Finding, PolicyError
from worker.policies.rules.nodes import PolicyNodes
from worker.settings import EMBEDDED_DATABASE, read_settings

_UNCHECKED = Finding(None, None, "nodes are not checked: no bundle is active; name a taxonomy with --taxonomy")

taxonomy_option = click.option(
    "--taxonomy", "taxonomy_name", metavar="RELEASE", help="A release or a file. [default: that of the active bundle]"
)


@click.command()
def schema() -> None:
    """Print the JSON Schema of policy documents, for editors."""
    print_file(json.dumps(policy_schema(), indent=2) + "\n")


@click.command()
@click.argument("file", type=file_type)
@taxonomy_option
@json_option
def check(*, file: Path, taxonomy_name: str | None, as_json: bool) -> None:
    """Say what is wrong with the policy in FILE: unknown nodes, contradictions, rules that can never match."""
    try:
        document = read_policy(file)
    except PolicyError as error:
        if not as_json:
            raise
        print_json({"rules": [], "errors": [Finding(error.rule, error.line, error.message).as_dict()], "warnings": []})
        raise click.exceptions.Exit(2) from None
    taxonomy = _taxonomy(taxonomy_name)
    found = check_policy(document, None if taxonomy is None else PolicyNodes.of(taxonomy))
    if taxonomy is None:
        found = Check(found.errors, (_UNCHECKED, *found.warnings))
    if as_json:
        print_json(_as_dict(document, found))
    else:
        _print(file, document, found)
    if found.errors:
        raise click.exceptions.Exit(2)


def print_findings(source: str, findings: tuple[Finding, ...], kind: str) -> None:
    """One line each, as compilers have it."""
    for each in findings:
        place = ": ".join(part for part in (source, each.line and f"line {each.line}", kind) if part)
        print_text(f"{place}: {f'rule {each.rule!r}: ' if each.rule else ''}{each.message}", err=True)


def _print(file: Path, document: PolicyDocument, found: Check) -> None:
    print_findings(str(file), found.errors, "error")
    print_findings(str(file), found.warnings, "warning")
    counts = f"{len(document.policy.rules)} rules, {len(found.errors)} errors, {len(found.warnings)} warnings"
    print_text(f"{document.policy.policy}: {counts}")


def _as_dict(document: PolicyDocument, found: Check) -> dict[str, object]:
    return {
        "rules": [
            {"rule": rule.name, "line": document.rule_line(number)} for number, rule in enumerate(document.policy.rules)
        ],
        "errors": [each.as_dict() for each in found.errors],
        "warnings": [each.as_dict() for each in found.warnings],
    }


def _taxonomy(wanted: str | None) -> Taxonomy | None:
    """The taxonomy that is named, or that of the active bundle; None where there is none."""
    if wanted is not None and Path(wanted).is_file():
        return read_taxonomy(wanted)
    url = read_settings().database_url
    if wanted is None and url == EMBEDDED_DATABASE and not Path("cladist.db").exists():
        return None
    try:
        with open_database(url).read() as tx:
            row = find_release(tx, wanted) if wanted is not None else serving_release(tx, active_bundle(tx).id)
            return stored_taxonomy(row)
    except (LookupFailedError, DatabaseError):
        if wanted is not None:
            raise
        return None
