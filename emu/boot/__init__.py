"""What is booted: images and their symbols, device trees, platforms, and the loader."""
