"""What is running on a host."""
