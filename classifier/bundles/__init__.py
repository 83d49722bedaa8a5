"""A trained model on disk: weights, what is known of it, its calibration, its card. Never a pickle."""
