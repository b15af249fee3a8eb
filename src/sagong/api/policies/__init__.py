"""What admission policies and match conditions share: the variables of their expressions, and how they are evaluated. Pure."""
