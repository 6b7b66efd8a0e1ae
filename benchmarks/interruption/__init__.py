"""What does a killed process cost?

* ``kill``: how much of the record is lost.
* ``resume``: whether the training that is resumed is the one that was never interrupted.
"""
