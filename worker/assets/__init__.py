"""Assets as their owners see them: what is known of one, all of them, and deleting one. Nothing here fetches."""
