#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
# Makes an archive of one object, in which hidden symbols are local.
#
# usage: archive.sh ARCHIVE OBJCOPY AR OBJECT... -- COMPILER...
set -eu

archive=$1 objcopy=$2 ar=$3
shift 3
objects=
while [ "$1" != -- ]; do
    objects="$objects $1"
    shift
done
shift
# meson's names of objects have no spaces
# shellcheck disable=SC2086
"$@" -r -nostdlib -o "$archive.o" $objects
"$objcopy" --localize-hidden "$archive.o"
rm -f -- "$archive"
"$ar" rcs "$archive" "$archive.o"
rm -f -- "$archive.o"
