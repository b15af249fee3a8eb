"""Custom resources, as their definitions' structural schemas have them: pruning, defaults, validation, columns, publishing. Pure."""
