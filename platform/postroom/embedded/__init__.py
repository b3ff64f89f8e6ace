"""The platform on one machine: PostgreSQL from the wheel, and a supervisor for every process."""
