"""IGVM files: what a host lays into a guest's memory, and what of it is measured."""
