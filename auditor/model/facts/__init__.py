"""Typed readings of evidence, of every operating system: one file a subject, a sentence for each field."""
