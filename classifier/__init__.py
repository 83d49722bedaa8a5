"""The model: training, calibration, decision and bundles on torch and timm; no database, no broker."""
