"""The machine: memory, nested table, CPUs and VMM as one thing that runs slice by slice."""
