"""Whether the first finding of a broken run names the cause, and not only a symptom."""
