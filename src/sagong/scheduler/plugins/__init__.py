"""Scheduler plugins, one file each."""
