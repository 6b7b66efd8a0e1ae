"""Benchmarks: scripts that print a table, and write it to ``benchmarks/results`` as JSON.

Run one from the project's root; ``--help`` lists its options, ``make bench`` runs all of them::

    python -m benchmarks.speed.overhead --quick

Each folder answers one question, which its ``__init__`` states.
"""
