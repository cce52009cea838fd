"""What makes a session fast: rewritten plans, blocked kernels. The textbook is `ops/`; each thing here equals it."""
