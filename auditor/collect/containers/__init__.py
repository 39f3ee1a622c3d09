"""Containers that an engine of the host knows."""
