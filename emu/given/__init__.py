"""What people give: files, numbers, TOML, and names that are shown to them again."""
