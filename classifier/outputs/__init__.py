"""From logits to coherent probabilities: one strategy object for each mode. Knows no files and no images."""
