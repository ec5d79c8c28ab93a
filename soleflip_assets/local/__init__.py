"""What runs on one machine: the embedded server, the sample data, ``soleflip up``."""
