"""Events that other tools recorded, one file per format."""
