"""What is wrong with a link whose records do not give its hash: as much as one hash of the whole can tell."""

from collections.abc import Sequence
from dataclasses import replace

from worker.audit.chain import Link, link_hash

Numbered = tuple[int, str]  # the id and the hash of a record


def what_is_wrong(previous: str, link: Link, stored_hash: str, records: Sequence[Numbered]) -> tuple[int | None, str]:
    """The id of the record that is to blame, where it can be known, and what does not match.

    records: what lies between the link before and the end of this one, and no more than one too many. Each is what its
    own hash says.
    """
    hashes = [hash_ for _, hash_ in records]
    if link_hash(previous, replace(link, record_count=len(records)), hashes) == stored_hash:
        return None, "link changed: it says another count of records than its hash"
    if len(records) > link.record_count:
        return _added(previous, link, stored_hash, records), "record added"
    if len(records) < link.record_count:
        return None, f"record missing: {link.record_count - len(records)} of {link.record_count}"
    for place, (id_, _) in enumerate(records[:-1]):
        exchanged = [*hashes[:place], hashes[place + 1], hashes[place], *hashes[place + 2 :]]
        if link_hash(previous, link, exchanged) == stored_hash:
            return id_, "order changed: it stands where the record after it was"
    return None, "link changed, or records changed together with their hashes"


def _added(previous: str, link: Link, stored_hash: str, records: Sequence[Numbered]) -> int | None:
    """The record without which the link would hold; None where more than one was added."""
    for place, (id_, _) in enumerate(records):
        rest = [hash_ for other, (_, hash_) in enumerate(records) if other != place]
        if link_hash(previous, link, rest) == stored_hash:
            return id_
    return None
