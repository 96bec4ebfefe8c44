"""Build what programs run on: interpreter, pinned packages and worker, as an image and as a root file system."""
