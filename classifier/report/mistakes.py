"""The most confident mistakes, each with a small picture of its image."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from classifier.data.manifest import Sample
from classifier.errors import AssetError
from classifier.evaluation.climbs import Climbs
from classifier.images.decode import decode, read_image_file

THUMBNAIL_PX = 200
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Mistake:
    """An image answered wrongly: the topmost wrong node of its path, `confidence` being that node's.

    Of a path that is wrong from some node down, this is the wrong claim the model was surest of.
    """

    sample: Sample
    truth: int
    answered: int
    confidence: float
    thumbnail: Image.Image | None  # None when the image can no longer be read


def confident_mistakes(climbs: Climbs, samples: Sequence[Sample], limit: int) -> list[Mistake]:
    """The mistakes of the highest confidence, surest first."""
    wrong = np.flatnonzero(~climbs.right)
    is_topmost = np.append(climbs.samples[wrong][1:] != climbs.samples[wrong][:-1], True)[: len(wrong)]
    steps = wrong[is_topmost]
    surest = steps[np.argsort(-climbs.probs[steps], kind="stable")][:limit]
    return [
        Mistake(
            samples[sample],
            int(climbs.truth[sample]),
            int(climbs.nodes[step]),
            float(climbs.probs[step]),
            _thumbnail(samples[sample]),
        )
        for step, sample in zip(surest.tolist(), climbs.samples[surest].tolist(), strict=True)
    ]


def jpeg_uri(image: Image.Image) -> str:
    """The image as a data URI."""
    stream = BytesIO()
    image.save(stream, "JPEG", quality=_QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{b64encode(stream.getvalue()).decode('ascii')}"


def _thumbnail(sample: Sample) -> Image.Image | None:
    try:
        image = decode(read_image_file(sample.image), str(sample.image), THUMBNAIL_PX)
    except AssetError:
        return None
    image.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
    return image
