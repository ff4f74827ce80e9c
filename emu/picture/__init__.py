"""From a machine to frozen views of it; looking changes nothing."""
