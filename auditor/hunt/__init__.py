"""Queries that hunt for the catalogue's products in what other tools record: Sigma rules, KQL and SPL."""
