"""The mailbox store: letters put into mailboxes, and read there."""
