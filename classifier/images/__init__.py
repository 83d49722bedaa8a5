"""From the bytes of an image file to pixels, safely. Knows no labels and no model."""
