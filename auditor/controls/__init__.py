"""What is required of a host: one control a file, returning violations and gaps only."""
