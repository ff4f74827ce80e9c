"""Who called whom: the frames of a CPU's stack, each with what it was found by."""
