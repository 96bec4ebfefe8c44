"""What programs run on: an interpreter, a pinned list of packages, and the worker; as an image and as a root file system."""
