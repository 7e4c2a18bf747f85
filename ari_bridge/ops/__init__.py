"""Logging, metrics, health: what the ops engineer looks at."""
