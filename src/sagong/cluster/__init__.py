"""The composition root: configuration, certificates, supervision, start and stop, add-ons; the only place with real time and chance."""
