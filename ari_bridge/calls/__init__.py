"""Calls and their legs: what is decided about them, and who carries it out."""
