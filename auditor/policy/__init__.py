"""What is allowed, and the only place that gives verdicts."""
