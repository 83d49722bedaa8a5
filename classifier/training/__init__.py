"""From labelled images to a bundle: objective, trainer, warm start."""
