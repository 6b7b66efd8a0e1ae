"""Which failures of training does the diagnosis find, and what does it report that is not true?

* ``detection``: labelled runs, judged by our rules and by those of other tools.
* ``grew_first``: which gate of which layer grew first in an explosion.
* ``learning_rate``: how many times too high a rate is, as a study says and as a map has it.
* ``recorded``: whether the verdict that a run holds is the one it gets when judged again.
"""
