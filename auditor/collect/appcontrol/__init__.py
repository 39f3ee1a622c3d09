"""What keeps unapproved programs from running, and where programs can be put."""
