"""What people write: numbers, places and expressions, and what they name on a machine."""
