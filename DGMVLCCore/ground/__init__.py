"""What every room stands on and none is about: devices, carried resources, files put in place."""
