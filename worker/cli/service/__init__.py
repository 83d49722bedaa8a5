"""The commands of an installation: db, bundle, worker, top."""
