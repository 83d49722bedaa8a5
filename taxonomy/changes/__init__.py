"""What changes between two releases: differences, mappings, the matching of nodes. Knows no stored labels."""
