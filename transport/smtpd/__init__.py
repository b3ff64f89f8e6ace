"""The receiving side (RFC 5321, 6409): sessions on one aiosmtpd subclass, and 250 only for what is committed."""
