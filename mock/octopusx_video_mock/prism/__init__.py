"""Stock Prism, pinned, as a process of its own."""
