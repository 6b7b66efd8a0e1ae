"""The cases, in the draws in which they were written."""
