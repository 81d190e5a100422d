"""The swarm: random worlds, one a seed, and what remains of those that fail."""
