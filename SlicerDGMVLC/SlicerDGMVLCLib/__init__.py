"""Pure MRML: shows a result of the core in a Slicer scene, in the desktop application or without
it."""
