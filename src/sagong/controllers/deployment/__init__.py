"""deployment: rolls one pod template out over the last, through replica sets."""
