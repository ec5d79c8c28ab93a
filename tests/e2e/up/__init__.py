"""What one running `soleflip up` shows. A package, so that its fixtures of this scope are made once."""
