"""Broken, mended and healthy scripts: is the cause named, and who is accused?

* ``causes``: the verdict on each broken script, its mended twin and every healthy one;
* ``cost``: what the checks take of a training;
* ``peers``: the same scripts under six other tools.

``scripts/`` holds the pairs, ``pairs.toml`` what is wrong in each, where it was reported and which
half it is in, and ``healthy/`` scripts that must not be accused. The held-out half was drawn before
any rule was written for it: nobody reads those scripts while working on a rule. ``draw3/`` is a
later draw of the same kinds, with healthy scripts of its own, for when that half had been looked
at.
"""
