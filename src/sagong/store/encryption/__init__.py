"""Values encrypted at rest, in upstream's format: what is in memory is plain, what the medium holds is sealed."""
