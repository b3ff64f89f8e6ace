"""How passwords are hashed: Argon2id as OWASP's minimum has it, so that many may sign in at once within 1 GiB."""

from __future__ import annotations

from django.contrib.auth.hashers import Argon2PasswordHasher


class LeanArgon2PasswordHasher(Argon2PasswordHasher):
    """19 MiB and two passes instead of Django's 100 MiB and eight threads a log-in."""

    time_cost = 2
    memory_cost = 19_456
    parallelism = 1
