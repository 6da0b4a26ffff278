"""The ledger of a batch: jobs, their states, and each attempt to send one. ``_batch`` and ``_distributed`` use it."""
