"""The decision where each recipient's mail goes: a pure function of an envelope and a snapshot of configuration."""
