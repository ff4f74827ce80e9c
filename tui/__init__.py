"""The screen and the command line of apdbg."""
