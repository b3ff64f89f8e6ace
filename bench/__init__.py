"""Figures beside a peer's: Postfix measured in the same run, on the same machine, by the same load generator."""
