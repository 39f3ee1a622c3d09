"""The chain of the stages: one host through a pure pipeline, many hosts fanned out."""
