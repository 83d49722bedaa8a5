"""How good the answers to labelled images are. Trains and calibrates nothing."""
