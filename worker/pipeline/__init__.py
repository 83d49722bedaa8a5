"""The pipeline of a worker process: claim, fetch, decode, predict, store; each stage ahead of the next."""
