"""Back pressure: mail is put off before a shortage does harm (Exchange's, reference §9)."""
