"""The scheduler: queue, snapshot, cycle, plugins, bind."""
