"""Authentication: who asks? Certificates, tokens and proxy headers, in upstream's order."""
