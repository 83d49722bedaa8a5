"""What writing labels replaces, and what it leaves alone."""

from fixture_types import MakeImages, Submitted
from sqlalchemy import select

from worker.catalog.serving import active_bundle
from worker.db.tables import JobRow, LabelRow
from worker.process.bootstrap import Services


def test_only_what_this_bundle_said_in_this_release_is_replaced(
    services: Services, submitted: Submitted, make_images: MakeImages
) -> None:
    """A stale label of the bundle goes, moved here or not; people, other bundles and releases keep theirs."""
    (job_id,) = submitted(make_images(1))
    with services.database.write() as session:
        bundle = active_bundle(session)
        asset = session.get_one(JobRow, job_id).asset_id
        ours = {"asset_id": asset, "release_id": bundle.release_id, "bundle_id": bundle.id, "source": "model"}
        fixed = {"level": 1, "confidence": 0.5, "on_path": True}
        stale, moved = {**ours, "node_id": "stale"}, {**ours, "node_id": "moved", "relabelling_id": 3}
        kept = {
            "person": {**ours, "node_id": "person", "bundle_id": 0, "source": "human"},
            "bundle": {**ours, "node_id": "bundle", "bundle_id": 77},
            "release": {**ours, "node_id": "release", "release_id": 77},
            "asset": {**ours, "node_id": "asset", "asset_id": asset + 1},
        }
        session.add_all(LabelRow(**values, **fixed) for values in (stale, moved, *kept.values()))
    services.pipeline.run([job_id])
    with services.database.read() as session:
        found = {row.node_id: row.confidence for row in session.scalars(select(LabelRow))}
    assert {node: found.get(node) for node in kept} == dict.fromkeys(kept, 0.5)
    assert not {"stale", "moved"} & set(found)
    assert {"shape", "colour"} & set(found)
