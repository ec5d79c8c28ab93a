#!/bin/sh
# Fills in the files of the environment: passwords are the users' names.
set -eu
sed --in-place --regexp-extended 's/([a-z_]+):CHANGE-ME/\1:\1/' "$@"
