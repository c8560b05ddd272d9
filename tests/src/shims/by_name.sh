#!/usr/bin/env bash
# Stands for whatever kills processes by their name: it would end nodes of other people.
echo "a page must not kill by name: $0 $*" >&2
exit 1
