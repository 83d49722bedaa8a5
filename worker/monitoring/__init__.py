"""What a worker tells of itself: logs, metrics, traces, and whether it is alive."""
