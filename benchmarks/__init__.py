"""What apdbg costs, each figure beside something that one knows: see `__main__`."""
