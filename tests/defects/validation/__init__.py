"""Invalid requests that are accepted, and valid ones that are rejected."""
