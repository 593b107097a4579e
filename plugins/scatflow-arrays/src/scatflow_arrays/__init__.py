"""The glue between operators: selection, arithmetic, reductions, normalization (U19).

Operators are named as the official openEO process where one exists, with its argument names; see
``docs/decisions/0002-glue-names.md`` for those that are not.
"""
