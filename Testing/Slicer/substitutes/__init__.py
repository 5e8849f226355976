"""Substitutes for the part of 3D Slicer that no package index offers: PythonQt's `qt`, qMRML and
ctk widgets, the application object,
ScriptedLoadableModule and parameterNodeWrapper. They are written for these tests and imitate what
the panel uses, no more.
The scene, its nodes and logics are real (slicer-core), and so is Qt (PySide6). What passes here is
not “tested in Slicer”.
"""
