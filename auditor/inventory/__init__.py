"""Who to audit: inventories read into hosts, and the scope fixed and counted."""
