"""Which addresses of the network may be asked, and how much each fetch may take. Knows no assets."""
