"""The control loops: each a declaration and a pure plan()."""
