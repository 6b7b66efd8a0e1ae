"""What does a killed process cost, and does anybody read wrong numbers beside a writer?

* ``kill``: how much of the record is lost.
* ``readers``: whether every reading of a run that is being written is right.
* ``resume``: whether the training that is resumed is the one that was never interrupted.
"""
