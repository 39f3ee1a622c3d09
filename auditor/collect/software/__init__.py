"""Software that a host's package databases list."""
