"""The dialects that packet filters are listed in: one file each reads a listing into the neutral ruleset."""
