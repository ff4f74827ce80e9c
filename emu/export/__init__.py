"""What happened, in other programs' formats."""
