"""The sagong command: one file per command."""
