"""What it means: who waits, what broke a rule, what a boot became."""
