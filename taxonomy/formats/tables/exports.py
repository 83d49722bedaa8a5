"""COCO and Label Studio exports as rows of labels."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from taxonomy.errors import TaxonomyError
from taxonomy.formats.json.text import try_json
from taxonomy.graph import PATH_SEPARATOR

Row = tuple[int, Mapping[str, str]]

_CHOSEN = ("taxonomy", "choices", "rectanglelabels", "labels")


def is_export(text: str) -> bool:
    """Whether the text is a Label Studio export; COCO files are taxonomies by themselves."""
    value = try_json(text)
    return isinstance(value, list) and bool(value) and all(_is_task(task) for task in value[:100])


def rows_of_export(value: Any, source: str) -> Iterator[Row]:
    """Yield (number, row) for every label of an export. Raises TaxonomyError on JSON that is none."""
    if isinstance(value, list) and value and all(_is_task(task) for task in value):
        yield from _label_studio(value)
    elif isinstance(value, dict) and all(
        isinstance(value.get(k), list) for k in ("images", "annotations", "categories")
    ):
        yield from _coco(value, source)
    else:
        raise TaxonomyError("expected a Label Studio export or a COCO file with images and annotations", source=source)


def _is_task(task: Any) -> bool:
    return isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(task.get("annotations"), list)


def _label_studio(tasks: list[dict[str, Any]]) -> Iterator[Row]:
    for number, task in enumerate(tasks, 1):
        image = next((each for each in task["data"].values() if isinstance(each, str)), "")
        for path in dict.fromkeys(_chosen(task)):
            yield number, {"image": _local(image), "path": path}


def _chosen(task: dict[str, Any]) -> Iterator[str]:
    """The paths that the annotations of a task choose, cancelled ones aside."""
    for annotation in task["annotations"]:
        results = (
            annotation.get("result") if isinstance(annotation, dict) and not annotation.get("was_cancelled") else None
        )
        for result in results if isinstance(results, list) else ():
            value = result.get("value") if isinstance(result, dict) else None
            chosen = value if isinstance(value, dict) else {}
            for key in _CHOSEN:
                for each in chosen.get(key) or ():
                    names = each if isinstance(each, list) else [each]
                    if all(isinstance(name, str) for name in names):
                        yield PATH_SEPARATOR.join(names)


def _local(address: str) -> str:
    """The file behind an address of Label Studio's own: `/data/local-files/?d=a/1.jpg` -> `a/1.jpg`."""
    parts = urlsplit(address)
    given = parse_qs(parts.query).get("d")
    return given[0] if given else unquote(parts.path).removeprefix("/data/upload/").lstrip("/")


def _coco(value: dict[str, Any], source: str) -> Iterator[Row]:
    try:
        images = {image["id"]: str(image["file_name"]) for image in value["images"]}
        seen: set[tuple[Any, Any]] = set()
        for number, annotation in enumerate(value["annotations"], 1):
            key = (annotation["image_id"], annotation["category_id"])
            if key not in seen:
                seen.add(key)
                yield number, {"image": images[key[0]], "node": str(key[1])}
    except (KeyError, TypeError) as error:
        raise TaxonomyError(f"a COCO image or annotation without {error}", source=source) from None
