"""What a worker tells of itself: how its jobs stand, and whether it is alive and ready."""
