"""Data sets and readers."""
