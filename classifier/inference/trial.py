"""Try a bundle out before anybody relies on it."""

import torch

from classifier.bundles.bundle import Bundle
from classifier.errors import BundleError
from classifier.inference.predictor import Predictor
from taxonomy import CladistError
from taxonomy.errors import first_line

_GREYS = (0, 128, 255)


def require_answers(bundle: Bundle) -> None:
    """Load the weights and classify a black, a grey and a white image. Raises BundleError unless all is finite."""
    require_finite_weights(bundle)
    size_px = bundle.info.image_size_px
    try:
        predictor = Predictor(bundle)
        for grey in _GREYS:
            predictor.predict(["trial"], torch.full((1, 3, size_px, size_px), grey, dtype=torch.uint8))
    except BundleError:
        raise
    except CladistError as error:
        raise BundleError.of(error) from None
    except Exception as error:  # noqa: BLE001 (a backbone fails in its own way on a size that it cannot take)
        raise BundleError(f"cannot answer: {first_line(error)}", source=bundle.folder) from None


def require_finite_weights(bundle: Bundle) -> None:
    """Raise BundleError, naming the tensor, on weights that are NaN or infinite."""
    for name, tensor in bundle.load_net().state_dict().items():
        if not torch.isfinite(tensor).all():
            raise BundleError(f"{name!r} holds numbers that are not finite", source=bundle.folder)
