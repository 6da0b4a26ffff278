"""Batches on several machines: the ledger in PostgreSQL, and DBOS Transact as the engine that hands out the jobs."""
