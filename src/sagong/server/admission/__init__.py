"""The admission chain and its plugins, one file each."""
