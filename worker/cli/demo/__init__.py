"""`cladist demo`: a catalogue of figures, drawn on the spot, goes all the way."""
