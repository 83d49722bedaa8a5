"""The commands that train, measure and run a model: train, evaluate, calibrate, predict."""
