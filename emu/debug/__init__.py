"""What people do with a machine: sessions, commands, views, schedules and breakpoints."""
