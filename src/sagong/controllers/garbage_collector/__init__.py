"""garbage-collector: deletes what has lost its owners, and sees foreground and orphaning deletions through."""
