"""The rules, as generators without I/O."""
