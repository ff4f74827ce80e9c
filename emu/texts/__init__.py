"""What the program explains, in two languages: texts that no code repeats."""
