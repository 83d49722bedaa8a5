"""Threads that outlive errors, and the pulse by which a monitor sees that they do."""
