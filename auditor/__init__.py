"""Audit remote-access software across a fleet, without an agent."""

__version__ = "0.1.0"
