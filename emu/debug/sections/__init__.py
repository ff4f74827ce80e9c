"""What a front end looks at beside the CPUs: memory, tables, the device tree, the log.

Each file has the look (what was asked for), the frozen view that answers it, and the lines that
a headless run prints of it.
"""
