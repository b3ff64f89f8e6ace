"""One function per change of state: keyword-only, atomic, audited. Console, admin, API and commands call these."""
