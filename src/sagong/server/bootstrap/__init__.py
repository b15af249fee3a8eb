"""What the API server makes of its own accord when it starts on a store: upstream's post-start hooks."""
