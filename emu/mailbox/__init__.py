"""The ACPI multiprocessor wakeup mailbox: its layout, and what happens on its page."""
