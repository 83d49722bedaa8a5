"""What changes between two releases of a taxonomy: differences, mappings, and the matching of nodes."""
