"""What several benchmarks use: the table and its machine, networks, tasks, faults."""
