"""Deliberate breakage: one kind a file, each with its words and what it does."""
