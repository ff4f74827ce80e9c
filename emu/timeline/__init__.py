"""All moments of a machine: branches, checkpoints, and the way to any of them."""
