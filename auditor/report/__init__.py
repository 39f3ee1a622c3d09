"""What people read: one format a file, all of them views of the same rows."""
