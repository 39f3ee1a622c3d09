"""How a store of an earlier layout becomes one of this layout."""
