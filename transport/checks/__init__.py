"""Checks before mail flows: what public DNS says of a domain, and whether a tenant's mail can leave and arrive."""
