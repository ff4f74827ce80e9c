"""The tour: lessons on the live machine, each answered by doing."""
