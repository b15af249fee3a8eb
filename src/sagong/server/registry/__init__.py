"""Generic verbs over the resource table, and the strategies of the kinds that differ."""
