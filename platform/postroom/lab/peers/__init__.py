"""Foreign mail servers with characters, on aiosmtpd. They share no code with the platform that they test."""
