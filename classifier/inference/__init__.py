"""From logits to what is said of an asset: scaling, probabilities, the decision and its reason."""
