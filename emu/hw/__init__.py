"""The parts of the emulated machine: addresses, memory, paging, CPUs and the engine."""
