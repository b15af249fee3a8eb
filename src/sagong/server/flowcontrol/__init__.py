"""Priority and fairness (KEP-1040): who is served now, who waits, who is turned away."""
