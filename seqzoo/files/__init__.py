"""Files: written whole or not at all, with digests; folders that one process holds."""
