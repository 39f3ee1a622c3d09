"""One step a file, each from the layout before it; none is ever changed once a release has it."""
