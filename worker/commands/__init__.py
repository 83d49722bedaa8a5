"""One module per family of commands; `worker.cli` loads them when they run."""
