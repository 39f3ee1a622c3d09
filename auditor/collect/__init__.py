"""What a host is asked, and how its answer is read, redacted and sealed."""
