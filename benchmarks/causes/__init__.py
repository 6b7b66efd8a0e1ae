"""Broken, mended and healthy scripts: is the cause named, and who is accused?

* ``causes``: the verdict on each broken script, its mended twin and every healthy one;
* ``cost``: what the checks take of a training;
* ``peers``: the same scripts under six other tools.

``scripts/`` holds the pairs, ``pairs.toml`` what is wrong in each, where it was reported and which
half it is in, and ``healthy/`` scripts that must not be accused. The held-out half was drawn before
any rule was written for it: nobody reads those scripts while working on a rule. ``draw3/`` and
``draw4/`` are later draws of the same kinds, with healthy scripts of their own, for when what came
before them had been looked at.
"""
