"""Scattering transforms of labelled arrays.

The documented interface for other plugins is :mod:`scatflow_scattering.tree` (the paths), :mod:`scatflow_scattering.walk` (yields
every plane depth-first) with :class:`scatflow_scattering.parameters.TreeParameters`, and
:mod:`scatflow_scattering.properties` (contraction, energy, invariance and stability of any representation).
"""
