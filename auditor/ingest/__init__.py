"""Evidence that comes as files: what exporters, sensors and other tools recorded outside of any audit."""
