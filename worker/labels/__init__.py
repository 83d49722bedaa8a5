"""Labels in the database: stored, found, and moved from release to release."""
