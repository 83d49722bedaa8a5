"""What a reader is unsure of: its notes, odd shapes and names, and what was seen in a file that is refused."""
