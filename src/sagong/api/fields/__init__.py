"""Field management: metadata.managedFields and server-side apply (KEP-555)."""
