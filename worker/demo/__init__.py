"""What `cladist demo` shows: pictures to learn from, made on the spot."""
