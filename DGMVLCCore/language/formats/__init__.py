"""Files as hospitals and offices write them -> plain text; what can be read is told by the
content, never by the name alone."""
