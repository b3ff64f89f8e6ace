"""The message tracking log (Exchange's, reference §6): writing events, one message's story, searching."""
