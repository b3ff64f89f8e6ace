"""The lab: a small Internet on loopback, so that the first minute, the tests and the documentation work offline."""
