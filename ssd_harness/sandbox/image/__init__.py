"""What programs run on: interpreter, pinned packages and the worker, as an image and as a root file system."""
