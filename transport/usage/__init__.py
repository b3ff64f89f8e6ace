"""How much of what it may a tenant has used: counted as append-only deltas, rolled up, held against its limits."""
