"""The bundles that jobs may use: registered in the database, and loaded in this process."""
